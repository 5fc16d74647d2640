import { randomBytes } from 'node:crypto'

/** A random certificate serial number of 128 bits, positive and without leading zeros (RFC 5280 §4.1.2.2). */
export function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return toSerial(bytes)
}

/** A serial number's DER content as Node's `X509Certificate.serialNumber` prints it: upper-case hexadecimal in whole bytes. */
export function toSerial(content: Uint8Array): string {
  return Buffer.from(content)
    .toString('hex')
    .toUpperCase()
    .replace(/^(?:00)+(?=..)/, '')
}
