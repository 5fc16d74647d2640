import type { ErrorCode } from '../errors.ts'

/** A JSON Schema; `{ $ref: 'Name#' }` is the one with that name. */
export type Schema = Readonly<Record<string, unknown>>

/** What is sent, by its media type. */
export type Content = Readonly<
  Record<string, { readonly schema: Schema; readonly examples?: Examples }>
>

type Examples = Readonly<Record<string, { readonly summary?: string; readonly value: unknown }>>

/** Parameters by their names. */
export interface Parameters {
  readonly type: 'object'
  readonly properties: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

interface Response {
  readonly description: string
  readonly headers?: Readonly<Record<string, Schema>>
  readonly content?: Content
  /** For an answer without a body. */
  readonly type?: 'null'
}

export const TAGS = {
  Publish: 'Publishing. Only devices publish, and only on the device door.',
  Read: 'Retained messages, and past messages.',
  Stream: 'Live messages, as Server-Sent Events.',
  Commands: 'Messages that wait for a sleeping device until it acknowledges them.',
  Identity: 'Your identity and your rights.',
  Sessions: 'People with browsers, who were invited.',
  Health: 'For Prometheus and orchestrators, on the ops door.',
  Pages: 'The files that browsers load.',
} as const

/**
 * What the API reference says of a route, in the words of Fastify's `schema`. A gateway never loads this: a route names its operation
 * and has the schema of its query, and `npm run docs` makes openapi/openapi.json of both.
 */
export interface Operation {
  readonly summary: string
  readonly description?: string
  readonly tags: readonly [keyof typeof TAGS]
  readonly params?: Parameters
  /** Only of a route that reads its query in its own way, as those for clients of InfluxDB do. */
  readonly querystring?: Parameters
  readonly headers?: Parameters
  readonly body?: { readonly content: Content }
  /** It may be sent without a body. */
  readonly bodyOptional?: true
  readonly response: Readonly<Record<number, Response>>
  /** What it refuses. What its doors refuse for all of their routes is in DOORS. */
  readonly errors: readonly ErrorCode[]
  /** What the viewer door makes of a session; without this it asks for one. */
  readonly session?: 'optional' | 'unused'
}

/** Some operations by their `operationId`. */
export type Operations = Readonly<Record<string, Operation>>
/** Some shapes by their names. */
export type Schemas = Readonly<Record<string, Schema>>

/** The `traceId` of all examples. */
export const TRACE_ID = '2f6c1c9e-53f5-4a5e-8d6c-0f1c9a6d2b11'

export function parameters(
  properties: Parameters['properties'],
  required: readonly string[] = [],
): Parameters {
  return { type: 'object', properties, required }
}

/** An answer in JSON, of a shape that has a name. */
export function json(description: string, name: string, value: unknown): Response {
  const schema = { $ref: `${name}#` }
  return {
    description,
    content: { 'application/json': { schema, examples: { answer: { value } } } },
  }
}
