import type { GatewayError } from '../../errors.ts'
import { fromBase64 } from '../../net/base64.ts'
import {
  MOST_CERTIFICATES,
  notPassedOn,
  type ProxyFormat,
  tooMany,
  unreadableHeader,
} from './format.ts'
import { readPem, unescaped } from './pem.ts'

/** Traefik: certificates with commas between them, each in base64 without its BEGIN and END, or as PEM, percent-encoded or not. */
export const traefik: ProxyFormat = {
  headers: { certificate: 'x-forwarded-tls-client-cert' },
  read({ certificate = '' }) {
    if (certificate === '') return notPassedOn()
    const parts = certificate.split(',', MOST_CERTIFICATES + 1)
    if (parts.length > MOST_CERTIFICATES) return tooMany()
    const found: Buffer[] = []
    for (const part of parts) {
      const one = readOne(part)
      if (!Buffer.isBuffer(one)) return one
      found.push(one)
    }
    return found
  },
}

function readOne(part: string): Buffer | GatewayError {
  const text = part.includes('%') ? unescaped(part) : part
  if (text === null) return unreadableHeader('it is not percent-encoded')
  if (!text.startsWith('-----')) {
    const der = fromBase64(text)
    return der?.length ? der : unreadableHeader('it is not base64')
  }
  const read = readPem(text)
  if (!Array.isArray(read)) return read as GatewayError
  return read.length === 1
    ? (read[0] as Buffer)
    : unreadableHeader('there are no commas between them')
}
