import { fromBase64 } from '../../net/base64.ts'
import { notPassedOn, type ProxyFormat, unreadableHeader } from './format.ts'

/** Cloudflare: DER in base64. Its fields for RFC 9440 are read as `rfc9440`. */
export const cloudflare = ofHeader('cf-client-cert-der-base64')

/** Azure App Service: DER in base64, which it has not verified. */
export const azure = ofHeader('x-arr-clientcert')

function ofHeader(certificate: string): ProxyFormat {
  return {
    headers: { certificate },
    read({ certificate: text = '' }) {
      if (text === '') return notPassedOn()
      const der = fromBase64(text)
      return der ? [der] : unreadableHeader('it is not base64')
    },
  }
}
