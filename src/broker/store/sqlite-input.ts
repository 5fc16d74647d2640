import type { SQLInputValue } from 'node:sqlite'
import type { Changes, LogRow } from './changes.ts'
import { checksumOf } from './checksum.ts'

/**
 * The columns of a change as SQLite takes them. An appended message gets its checksum and the time it is stored; its payload, a
 * character a byte until here, becomes bytes.
 */
export function toInput(
  name: string,
  columns: readonly unknown[],
  stored: number,
): SQLInputValue[] {
  if (name !== 'append') return columns as SQLInputValue[]
  const [number, topic, characters, ...rest] = columns as Changes['append']
  const row: LogRow = [number, topic, Buffer.from(characters, 'latin1'), ...rest]
  return [...row, checksumOf(row), stored]
}
