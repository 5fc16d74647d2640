import { GatewayError } from '../../errors.ts'
import type { PassedHeaders, ProxyFormat } from './format.ts'

/** The part of a request that says who sends it. */
export interface RequestHead {
  readonly rawHeaders: readonly string[]
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

type Role = keyof PassedHeaders

/** The headers that a proxy passes identity on in, in lower case. */
export type HeaderNames = Readonly<Partial<Record<Role, string | undefined>>>

/** Bytes of the headers with a certificate and its chain in one request. */
const MAX_BYTES = 32 * 1024

/** Those of a format, with the names that the operator has given. */
export function headersOf(format: ProxyFormat, given: HeaderNames = {}): HeaderNames {
  const { certificate, chain, verify } = { ...format.headers, ...defined(given) }
  return { certificate, chain, verify }
}

/**
 * Reads the headers of `names`, each of which a request may have once. Refuses whatever another program might read in another
 * way: a header twice, one with an underscore for a hyphen (CGI takes it for the same), and one that `Connection` names, which
 * a proxy on the way would remove.
 */
export function createHeaderReader(
  names: HeaderNames,
): (request: RequestHead) => PassedHeaders | GatewayError {
  const roles = new Map(
    Object.entries(names).flatMap(([role, name]) => (name ? [[name, role as Role]] : [])),
  )
  const lengths = new Set([...roles.keys()].map(({ length }) => length))

  return ({ rawHeaders, headers }) => {
    const found: { -readonly [R in Role]?: string } = {}
    let bytes = 0
    for (let index = 0; index < rawHeaders.length; index += 2) {
      const raw = rawHeaders[index] as string
      if (!lengths.has(raw.length)) continue
      const name = raw.toLowerCase()
      const role = roles.get(name)
      if (role === undefined) {
        const twin = name.replaceAll('_', '-')
        if (roles.has(twin)) return invalid(`The header ${name} can be confused with ${twin}`)
        continue
      }
      if (found[role] !== undefined) return invalid(`The request has the header ${name} twice`)
      const value = rawHeaders[index + 1] as string
      bytes += value.length
      found[role] = value
    }
    if (bytes > MAX_BYTES) return tooLarge()
    const hop = headers.connection === undefined ? null : named(String(headers.connection), roles)
    return hop === null ? found : invalid(`Connection names the header ${hop}`)
  }
}

function named(connection: string, roles: ReadonlyMap<string, Role>): string | null {
  const options = connection.toLowerCase().split(',')
  return options.map((option) => option.trim()).find((option) => roles.has(option)) ?? null
}

function defined(names: HeaderNames): HeaderNames {
  return Object.fromEntries(Object.entries(names).filter(([, name]) => name !== undefined))
}

function invalid(problem: string): GatewayError {
  return new GatewayError('request_invalid', `${problem}, so it is not clear which device sent it.`)
}

function tooLarge(): GatewayError {
  return new GatewayError(
    'headers_too_large',
    `The client certificate and its chain are longer than the ${MAX_BYTES} bytes that are allowed.`,
  )
}
