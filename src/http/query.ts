import { GatewayError } from '../errors.ts'

/** All values of each parameter, in order. */
export type Query = ReadonlyMap<string, readonly string[]>

/**
 * Percent-decoded exactly once, by RFC 3986: a raw "+" stays a wildcard, so a space must be "%20". Returns a refusal for
 * invalid escapes.
 */
export function parseQuery(url: string): Query | GatewayError {
  const start = url.indexOf('?')
  return parseQueryText(start === -1 ? '' : url.slice(start + 1))
}

/** The same for the text after the question mark. */
export function parseQueryText(text: string): Query | GatewayError {
  const query = new Map<string, string[]>()
  for (const part of text.split('&')) {
    if (part === '') continue
    const [name, value] = pairOf(part)
    if (name === null || value === null)
      return new GatewayError(
        'query_invalid',
        `The query has a broken percent-escape in "${part}".`,
      )
    const values = query.get(name)
    if (values) values.push(value)
    else query.set(name, [value])
  }
  return query
}

function pairOf(part: string): [string | null, string | null] {
  const equals = part.indexOf('=')
  if (equals === -1) return [decode(part), '']
  return [decode(part.slice(0, equals)), decode(part.slice(equals + 1))]
}

/** The topic or filter that follows `prefix` in the path, percent-decoded exactly once. */
export function topicInPath(url: string, prefix: string): string | GatewayError {
  const end = url.indexOf('?')
  const path = end === -1 ? url : url.slice(0, end)
  // the router decodes before it matches; a path whose route name is percent-encoded is not served
  if (!path.startsWith(prefix)) return new GatewayError('not_found', `${path} does not exist.`)
  const topic = decode(path.slice(prefix.length))
  return (
    topic ??
    new GatewayError(
      'topic_invalid',
      'The topic has a broken percent-escape, or is not valid UTF-8.',
    )
  )
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The value of a parameter that may occur only once. */
export function single(query: Query, name: string): string | undefined | GatewayError {
  const values = query.get(name)
  if (values === undefined || values.length === 1) return values?.[0]
  return comesTwice(name)
}

export function comesTwice(name: string): GatewayError {
  return new GatewayError('query_invalid', `The query names "${name}" more than once.`)
}

/** Refuses unknown parameters: a misspelt `qos` must not be read as QoS 0. */
export function unknownName(query: Query, known: readonly string[]): GatewayError | null {
  for (const name of query.keys())
    if (!known.includes(name))
      return new GatewayError(
        'query_invalid',
        `Unknown query parameter "${name}"; the known parameters are ${known.join(', ')}.`,
      )
  return null
}

/** The query of `url`. Throws a refusal where it is invalid or has parameters other than `known`. */
export function queryOf(url: string, known: readonly string[]): Query {
  const query = parseQuery(url)
  if (query instanceof GatewayError) throw query
  const unknown = unknownName(query, known)
  if (unknown) throw unknown
  return query
}
