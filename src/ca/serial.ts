import { randomBytes } from 'node:crypto'
import { toSerial } from '../x509/serial.ts'

/** A random certificate serial number of 128 bits, positive and without leading zeros (RFC 5280 §4.1.2.2). */
export function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return toSerial(bytes)
}
