import { crc32 } from 'node:zlib'
import type { LogRow } from './changes.ts'

/** A row of the log as the disk has it; rows of older gateways have no checksum. */
export type CheckedRow = [...row: LogRow, checksum: number | null]

/** CRC-32 of everything in a row of the log. */
export function checksumOf([number, topic, payload, ...rest]: LogRow): number {
  return crc32(payload, crc32(JSON.stringify([number, topic, ...rest])))
}

/** The row without its checksum; null where the two do not match: the disk has changed one of them. */
export function soundRow(checked: CheckedRow): LogRow | null {
  const checksum = checked.at(-1)
  const row = checked.slice(0, -1) as LogRow
  return checksum === null || checksum === checksumOf(row) ? row : null
}
