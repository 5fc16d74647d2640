import type { GatewayError } from '../../errors.ts'
import { fromBase64 } from '../../net/base64.ts'
import {
  MOST_CERTIFICATES,
  notPassedOn,
  type PassedHeaders,
  type ProxyFormat,
  tooMany,
  unreadableHeader,
} from './format.ts'

/** RFC 9440. */
export const rfc9440: ProxyFormat = {
  headers: { certificate: 'client-cert', chain: 'client-cert-chain' },
  read: readByteSequences,
}

/** Google Cloud's load balancers, whose `{client_cert_leaf}` and `{client_cert_chain}` are as in RFC 9440. */
export const gcp: ProxyFormat = {
  headers: { certificate: undefined },
  isRenamed: true,
  read: readByteSequences,
}

function readByteSequences({ certificate, chain }: PassedHeaders): Buffer[] | GatewayError {
  // Caddy sends an empty one for a client without a certificate
  if (certificate === undefined || certificate === '' || certificate === '::') return notPassedOn()
  const own = readByteSequence(certificate)
  if (!own) return unreadableHeader('the header is not one byte sequence (RFC 8941 §3.3.5)')
  if (chain === undefined || chain === '') return [own]
  // RFC 8941 §4.2.1: blanks and tabs around the commas of a list; a pattern for them would take seconds where there are thousands
  const members = chain.split(',', MOST_CERTIFICATES).map((member) => member.trim())
  const sent = members.map(readByteSequence)
  if (members.length === MOST_CERTIFICATES) return tooMany()
  return sent.every((one) => one !== null)
    ? [own, ...sent]
    : unreadableHeader('the chain is not a list of byte sequences (RFC 8941 §3.1)')
}

function readByteSequence(text: string): Buffer | null {
  return text.length > 2 && text.startsWith(':') && text.endsWith(':')
    ? fromBase64(text.slice(1, -1))
    : null
}
