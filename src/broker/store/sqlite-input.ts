import type { SQLInputValue } from 'node:sqlite'
import type { Changes, LogRow } from './changes.ts'
import { checksumOf } from './checksum.ts'

/**
 * The values of a change for SQLite. An appended message also gets its checksum and the time of storing; its payload, until
 * here one character for each byte, becomes bytes.
 */
export function toInput(
  name: string,
  columns: readonly unknown[],
  stored: number,
): SQLInputValue[] {
  if (name !== 'append') return columns as SQLInputValue[]
  const [number, topic, characters, ...rest] = columns as Changes['append']
  const row: LogRow = [number, topic, Buffer.from(characters, 'latin1'), ...rest]
  const input: SQLInputValue[] = row
  input.push(checksumOf(row), stored)
  return input
}
