import { crc32 } from 'node:zlib'
import type { LogRow } from './changes.ts'

/** A row of the log with its checksum; rows of older gateways have none. */
export type CheckedRow = [...row: LogRow, checksum: number | null]

/** The CRC-32 of a row of the log. Without a time of its own it is calculated as in older gateways, which had no such column. */
export function checksumOf([number, topic, payload, ...rest]: LogRow): number {
  const columns = rest.at(-1) === null ? rest.slice(0, -1) : rest
  return crc32(payload, crc32(JSON.stringify([number, topic, ...columns])))
}

/** The row without its checksum; null if they do not match, because the disk has damaged one of them. */
export function soundRow(checked: CheckedRow): LogRow | null {
  const checksum = checked.at(-1)
  const row = checked.slice(0, -1) as LogRow
  return checksum === null || checksum === checksumOf(row) ? row : null
}
