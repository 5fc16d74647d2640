import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { UsageError } from '../errors.ts'

// RFC 1123 §2.1, and underscores, which container hosts have
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/

/** Under which names and addresses the gateway's certificate is good. Throws `UsageError` for one in `more` that is none. */
export function gatewayNames(more: readonly string[]): string[] {
  const wrong = more.find((name) => !isName(name))
  if (wrong !== undefined)
    throw new UsageError(`${JSON.stringify(wrong)} is neither a host name nor an IP address`)
  return ['localhost', ...[hostname()].filter(isName), ...more, '127.0.0.1', '::1']
}

function isName(name: string): boolean {
  return isIP(name) !== 0 || HOST_NAME.test(name)
}
