import { GatewayError, messageOf } from '../../errors.ts'
import { readBlocks } from '../../x509/pem.ts'
import { MOST_CERTIFICATES, notPassedOn, tooMany, unreadableHeader } from './format.ts'

/** Only certificates: a proxy has no reason to send text, or a key, with them. */
const CERTIFICATES =
  /^(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----[\r\n]*)+$/

/** The certificates of PEM text, as API Gateway has them in `clientCert.clientCertPem`. */
export function readPem(text: string): Buffer[] | GatewayError {
  if (text === '') return notPassedOn()
  if (!CERTIFICATES.test(text))
    return unreadableHeader('it is not PEM that contains only certificates')
  try {
    const found = readBlocks(Buffer.from(text, 'latin1'), ['CERTIFICATE'])
    return found.length > MOST_CERTIFICATES ? tooMany() : found
  } catch (error) {
    return unreadableHeader(messageOf(error))
  }
}

/** The same with `%` escapes; every other character, `+` too, means itself. */
export function readEscapedPem(text: string): Buffer[] | GatewayError {
  const pem = unescaped(text)
  return pem === null ? unreadableHeader('it is not percent-encoded') : readPem(pem)
}

/** Null where an escape is not whole. */
export function unescaped(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Results of nginx's check of the certificate. */
const VERIFIED = 'SUCCESS'
const NONE = 'NONE'

/** Why the result of nginx's own check is not enough; null where it is. */
export function verifyProblem(verify: string | undefined): GatewayError | null {
  if (verify === VERIFIED) return null
  if (verify === undefined || verify === NONE) return notPassedOn()
  const word = JSON.stringify(verify.slice(0, 100))
  return new GatewayError(
    'certificate_untrusted',
    `The proxy did not accept the client certificate: it says ${word} instead of ${VERIFIED}.`,
  )
}
