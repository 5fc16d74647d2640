import { GatewayError } from '../../errors.ts'
import { notPassedOn, type ProxyFormat, unreadableHeader } from './format.ts'
import { readEscapedPem } from './pem.ts'

/** Envoy, and the meshes made of it: `Cert=` and `Chain=` of its one element. */
export const xfcc: ProxyFormat = {
  headers: { certificate: 'x-forwarded-client-cert' },
  read({ certificate: text = '' }) {
    if (text === '') return notPassedOn()
    const pairs = readElement(text)
    if (pairs instanceof GatewayError) return pairs
    const [cert, chain] = ['cert', 'chain'].map((key) => pairs.get(key) ?? '')
    if (!cert && !chain) return onlyDescribed()
    const own = cert ? readEscapedPem(cert) : []
    if (own instanceof GatewayError) return own
    const whole = chain ? readEscapedPem(chain) : []
    if (whole instanceof GatewayError) return whole
    if (own.length > 1) return unreadableHeader('Cert= holds several certificates')
    // the chain begins with the certificate itself
    const [first] = own
    if (first && whole[0] && !first.equals(whole[0]))
      return unreadableHeader('Cert= and Chain= are about different certificates')
    return whole.length > 0 ? whole : own
  },
}

/** A value is a token, or quoted with a backslash before each quote in it. */
const PAIR = /([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;]*))(;|,|$)/y

/** The pairs of one element, by their names in lower case. */
function readElement(text: string): Map<string, string> | GatewayError {
  const pairs = new Map<string, string>()
  PAIR.lastIndex = 0
  for (let end = ';'; end !== ''; ) {
    const found = PAIR.exec(text)
    if (!found) return unreadableHeader('it is not in the format of Envoy')
    const [, name = '', quoted, plain = '', after = ''] = found
    if (after === ',') return severalElements()
    const key = name.toLowerCase()
    // Envoy repeats DNS= and URI=
    if (pairs.has(key) && (key === 'cert' || key === 'chain'))
      return unreadableHeader(`it has ${name}= twice`)
    pairs.set(key, quoted === undefined ? plain : quoted.replaceAll(/\\(.)/g, '$1'))
    end = after
  }
  return pairs
}

function severalElements(): GatewayError {
  // the first ones are whatever the client has sent
  return unreadableHeader(
    'x-forwarded-client-cert has several elements; set forward_client_cert_details: SANITIZE_SET',
  )
}

function onlyDescribed(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'The proxy passes on only a hash or a name of the client certificate, not the certificate: set_current_client_cert_details needs cert: true.',
  )
}
