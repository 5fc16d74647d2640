import type { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { UsageError } from '../errors.ts'
import { GATEWAY_ID } from './device-id.ts'
import { type Machine, thisMachine } from './machine.ts'
import { namesOf } from './read-certificate.ts'

// RFC 1123 §2.1, and underscores, which names of containers have
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/

/** The names and addresses in the gateway's certificate. Throws `UsageError` for an invalid one in `more`. */
export function gatewayNames(
  more: readonly string[],
  { hostName, localName, addresses }: Machine = thisMachine(),
): string[] {
  const wrong = more.find((name) => !isName(name))
  if (wrong !== undefined)
    throw new UsageError(`${JSON.stringify(wrong)} is neither a host name nor an IP address`)
  const own = [hostName, ...more, localName].filter(isName)
  return [...new Set(['localhost', ...own, ...addresses, '127.0.0.1', '::1'])]
}

/**
 * The name or address by which other machines reach a gateway with this certificate: a host name that a person gave, an address
 * that the machine has now, or its name in multicast DNS. Null where the certificate has none of them.
 */
export function nameForOthers(
  certificate: X509Certificate,
  { hostName, localName, addresses }: Machine = thisMachine(),
): string | null {
  const here = ['localhost', GATEWAY_ID, hostName, localName]
  const names = namesOf(certificate)
  const given = names.filter((name) => isIP(name) === 0)
  return (
    given.find((name) => HOST_NAME.test(name) && !here.includes(name)) ??
    addresses.find((address) => certificate.checkIP(address) !== undefined) ??
    given.find((name) => name === localName) ??
    names.find((name) => isIP(name) !== 0 && !LOOPBACK.test(name)) ??
    null
  )
}

/** Whether a client that reaches the gateway as `host` accepts its certificate. */
export function isGoodFor(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
  return found !== undefined
}

const LOOPBACK = /^127\.|^(?:::|(?:0:){7})1$/

function isName(name: string): boolean {
  return isIP(name) !== 0 || HOST_NAME.test(name)
}
