import { GatewayError } from '../../errors.ts'

/** The values of the headers that a format needs; undefined for one that the request does not have. */
export interface PassedHeaders {
  readonly certificate?: string | undefined
  readonly chain?: string | undefined
  readonly verify?: string | undefined
}

/** How a proxy passes on the certificate of a device. */
export interface ProxyFormat {
  /** The headers by default, in lower case; undefined where the operator has to name one. */
  readonly headers: {
    readonly certificate: string | undefined
    readonly chain?: string
    readonly verify?: string
  }
  /** Whether the operator may name the headers. */
  readonly isRenamed?: boolean
  /** The device's certificate in DER and those that it sent with it, or why there is none. */
  read(headers: PassedHeaders): readonly Buffer[] | GatewayError
}

/** Certificates that one request may pass on. */
export const MOST_CERTIFICATES = 16

export function notPassedOn(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'The proxy passed on no client certificate. Send the certificate of this device, for example with curl --cert client.crt --key client.key.',
  )
}

/** `what` ends the sentence. */
export function unreadableHeader(what: string): GatewayError {
  return new GatewayError(
    'request_invalid',
    `The client certificate from the proxy cannot be read: ${what}.`,
  )
}

export function tooMany(): GatewayError {
  return unreadableHeader(`there are more than ${MOST_CERTIFICATES} certificates`)
}
