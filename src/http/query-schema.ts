import { GatewayError } from '../errors.ts'
import { comesTwice, type Query, unknownName } from './query.ts'

/** One parameter of a query, in terms of JSON Schema. */
export interface QueryParameter {
  readonly type: 'string' | 'integer' | 'boolean' | 'array'
  readonly description: string
  readonly enum?: readonly (string | number)[]
  readonly minimum?: number | undefined
  readonly maximum?: number | undefined
  readonly default?: string | number | boolean
  /** For the API reference only: the code that uses the text gives a better error. */
  readonly pattern?: string
  readonly items?: { readonly type: 'string' }
  readonly minItems?: number
  readonly maxItems?: number
  readonly examples?: readonly unknown[]
}

type Parameters = Readonly<Record<string, QueryParameter>>

/** The query of a route: the API reference describes it, and Fastify checks requests against it. */
export interface QuerySchema {
  readonly type: 'object'
  readonly properties: Parameters
  readonly required?: readonly string[]
}

/** The values of a query that matches the schema. */
export type QueryValues<S extends QuerySchema> = {
  readonly [N in keyof S['properties']]: Value<S['properties'][N]> | IfMissing<S['properties'][N]>
}

type IfMissing<P> = P extends { readonly default: unknown } | { readonly type: 'array' }
  ? never
  : undefined

type Value<P> = P extends { readonly type: 'array' }
  ? readonly string[]
  : P extends { readonly enum: readonly (infer E)[] }
    ? E
    : P extends { readonly type: 'integer' }
      ? number
      : P extends { readonly type: 'boolean' }
        ? boolean
        : string

export function querySchema<const P extends Parameters>(
  properties: P,
  required: readonly string[] = [],
) {
  return { type: 'object', properties, required } as const satisfies QuerySchema
}

/** Reads queries by their schema. A refusal names the parameter that is unknown, repeated or invalid. */
export type QueryReader<S extends QuerySchema> = (
  query: Query | GatewayError,
) => QueryValues<S> | GatewayError

export function createQueryReader<S extends QuerySchema>({ properties }: S): QueryReader<S> {
  const names = Object.keys(properties)
  const parameters = Object.entries(properties)
  const without = Object.freeze(
    Object.fromEntries(parameters.map(([name, parameter]) => [name, valueWithout(parameter)])),
  ) as QueryValues<S>

  return (query) => {
    if (query instanceof GatewayError) return query
    if (query.size === 0) return without
    const unknown = unknownName(query, names)
    if (unknown) return unknown
    const values: Record<string, unknown> = { ...without }
    for (const [name, texts] of query) {
      const value = readValue(name, texts, properties[name] as QueryParameter)
      if (value instanceof GatewayError) return value
      values[name] = value
    }
    return values as QueryValues<S>
  }
}

/**
 * Checks only the query of a route's schema. Bodies are payloads, which are published unchanged, or lines, which are checked
 * one by one; the rules for headers and topics cannot be expressed in a schema.
 */
export function compileSchema({ schema, httpPart }: { schema: unknown; httpPart?: string }) {
  if (httpPart !== 'querystring') throw new Error(`nothing here checks the ${httpPart} by a schema`)
  const read = createQueryReader(schema as QuerySchema)
  return (query: Query | GatewayError) => {
    const value = read(query)
    return value instanceof GatewayError ? { error: value } : { value }
  }
}

/** The values of a request's query, as Fastify read them by the schema of the route. */
export function queryValues<S extends QuerySchema>(
  request: { readonly query: unknown },
  _schema: S,
): QueryValues<S> {
  return request.query as QueryValues<S>
}

function valueWithout(parameter: QueryParameter): unknown {
  return parameter.type === 'array' ? [] : parameter.default
}

function readValue(name: string, texts: readonly string[], parameter: QueryParameter): unknown {
  if (parameter.type === 'array') return texts
  const [text = ''] = texts
  if (texts.length > 1) return comesTwice(name)
  const value = parsed(text, parameter)
  if (value !== null) return value
  return new GatewayError('query_invalid', `${name} must be ${formOf(parameter)}, not "${text}".`)
}

const MOST_DIGITS = 15

/** Null for a text that the schema does not allow. */
function parsed(text: string, { type, enum: known, minimum, maximum }: QueryParameter): unknown {
  if (known) return known.find((one) => String(one) === text) ?? null
  if (type === 'boolean') return text === 'true' || text === 'false' ? text === 'true' : null
  if (type === 'string') return text
  const number = text.length <= MOST_DIGITS && /^\d+$/.test(text) ? Number(text) : Number.NaN
  return number >= (minimum ?? 0) && number <= (maximum ?? Number.MAX_SAFE_INTEGER) ? number : null
}

/** The allowed values, to be read after "must be". */
function formOf({ type, enum: known, minimum = 0, maximum }: QueryParameter): string {
  if (known) return known.join(' or ')
  if (type === 'boolean') return 'true or false'
  return `a whole number from ${minimum}${maximum === undefined ? '' : ` to ${maximum}`}`
}
