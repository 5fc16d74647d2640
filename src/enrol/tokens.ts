import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

// RFC 4648 §6, in lower case
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const LETTERS = 26

/** A one-time code of 130 random bits in base32. It never holds "api", which the WoTT agent replaces in its URLs. */
export function randomToken(): string {
  for (;;) {
    const token = [...randomBytes(LETTERS)].map((byte) => ALPHABET[byte % 32]).join('')
    if (!token.includes('api')) return token
  }
}

/** What is kept of a one-time code, lower-case hexadecimal. */
export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** Proves to the enrol door, when its certificate has expired, that a device once had the one with this serial number. */
export function fallbackToken(secret: Buffer, serial: string): string {
  return hmac(secret, `fallback ${serial}`)
}

/** What the WoTT agent shows to whoever claims the device. */
export function claimToken(secret: Buffer, id: string): string {
  return hmac(secret, `claim ${id}`)
}

/** Compares two secrets in a time that does not depend on where they differ. */
export function isSameSecret(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(one as Buffer, other as Buffer)
}

function hmac(secret: Buffer, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}
