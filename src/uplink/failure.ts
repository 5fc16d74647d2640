import { codeOf, messageOf } from '../errors.ts'

/** What an attempt came to: the broker refused the protocol or closed at once (where an older one may help), refused, or anything else. */
export type FailureKind = 'protocol' | 'closed' | 'refused' | 'failed'

/** Why there is no connection, for whoever runs the gateway. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, { cause })
    this.kind = kind
  }
}

/** `at`: the address of the broker. */
export function closedEarly(at: string): ConnectFailure {
  return new ConnectFailure(
    'closed',
    `${at} closed the connection without an answer; is it an MQTT broker?`,
  )
}

/** While it writes, Node gives the code EPROTO to this and to all else that OpenSSL objects to. */
const NOT_TLS = /wrong version number|packet length too long/

/** What a TLS or network error means; `settings` is how the settings begin. */
export function toConnectFailure(error: unknown, at: string, settings: string): ConnectFailure {
  if (error instanceof ConnectFailure) return error
  const text = plain(messageOf(error).trim())
  const code = NOT_TLS.test(text) ? 'ERR_SSL_WRONG_VERSION_NUMBER' : codeOf(error)
  return new ConnectFailure('failed', sentence(code, at, settings, text), error)
}

/** The reason in what OpenSSL says: `…:error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:FILE:LINE:…` */
function plain(text: string): string {
  return /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(text)?.[1] ?? text
}

function sentence(code: string | undefined, at: string, settings: string, text: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `nothing is listening on ${at}`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${at}: the host does not exist`
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `${at} does not answer`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${at} closed the connection`
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${at} is for a different name: ${text}`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return `the certificate of ${at} is not signed by a CA in ${settings}_CA_FILE (or, if that is not set, by a CA that Node.js trusts)`
    case 'CERT_HAS_EXPIRED':
      return `the certificate of ${at} has expired`
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${at} is not valid yet`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `${at} does not speak TLS; is this the right port?`
    case 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED':
    case 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE':
    case 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE':
      return `${at} refused the TLS handshake; perhaps it needs a client certificate: ${settings}_CERT_FILE and ${settings}_KEY_FILE`
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
    case 'ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR':
    case 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
      return `${at} refused the client certificate in ${settings}_CERT_FILE: ${text}`
    default:
      return `${at}: ${text}`
  }
}
