import { codeOf, messageOf } from '../errors.ts'
import type { DeviceClient } from './client.ts'
import { CommandFailure } from './command.ts'

/** A TLS or network error, explained to the user. */
export function toCommandFailure(error: unknown, { host, port, via }: DeviceClient): Error {
  if (error instanceof CommandFailure) return error
  const at = `${host}:${port}`
  const code = codeOf(error)
  switch (code) {
    case 'ECONNREFUSED':
      return new CommandFailure(`nothing is listening on ${at} (${via}); is the gateway running?`)
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CommandFailure(`the host ${host} does not exist`)
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new CommandFailure(`${at} does not answer; is the gateway running?`)
    case 'ECONNRESET':
    case 'EPIPE':
      return new CommandFailure(closed(at, via))
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return new CommandFailure(
        `the certificate of ${at} is for a different name: ${messageOf(error)}. Name one of them with --host, or add this one on the gateway: "wott-gateway init --name ${host}"`,
      )
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
      return new CommandFailure(`the certificate of ${at} is not signed by the CA in ca.crt`)
    case 'CERT_HAS_EXPIRED':
      return new CommandFailure(`the certificate of ${at} has expired`)
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return new CommandFailure(`${at} does not speak TLS; is this the right port?`)
  }
  if (code === undefined && error instanceof Error) return error
  return new CommandFailure(`${at}: ${messageOf(error).trim()}`)
}

/** The message for a closed connection: over MQTT the gateway cannot say why it refuses a client. */
export function closed(at: string, via: DeviceClient['via']): string {
  return via === 'https'
    ? `${at} closed the connection without an answer; is this the device door?`
    : `${at} closed the connection; perhaps this certificate is revoked, expired or from another CA ("--via https" shows the reason)`
}
