import { crc32 } from 'node:zlib'
import type { LogRow } from './changes.ts'

/** A row of the log with its checksum; rows of older gateways have none. */
export type CheckedRow = [...row: LogRow, checksum: number | null]

/** The CRC-32 of a row of the log. */
export function checksumOf(row: LogRow): number {
  const [number, topic, payload, qos, retain, device, received, properties, expires, own] = row
  const columns = [number, topic, qos, retain, device, received, properties, expires]
  // as in older gateways, which had no column for it
  if (own !== null) columns.push(own)
  return crc32(payload, crc32(JSON.stringify(columns)))
}

/** The row without its checksum; null if they do not match, because the disk has damaged one of them. */
export function soundRow(checked: CheckedRow): LogRow | null {
  const checksum = checked.at(-1)
  const row = checked.slice(0, -1) as LogRow
  return checksum === null || checksum === checksumOf(row) ? row : null
}
