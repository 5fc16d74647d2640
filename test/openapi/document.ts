import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../support/generated.ts'

/** The parts of OpenAPI 3.1 that the file uses, with each `$ref` resolved; that of a schema is only its name. */
export interface Document {
  readonly servers: readonly Server[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, SecurityScheme>>
    readonly schemas: Readonly<Record<string, object>>
  }
}

export interface Server {
  readonly url: string
  readonly variables: Readonly<Record<string, { readonly default: string }>>
}

export interface SecurityScheme {
  readonly type: string
  readonly in?: string
  readonly name?: string
}

export interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, Described>>
  readonly security: readonly Readonly<Record<string, unknown>>[]
  readonly servers?: readonly Server[]
}

export interface Parameter extends Media {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
}

export interface Described {
  readonly headers?: Readonly<Record<string, Media & { readonly required?: boolean }>>
  readonly content?: Content
}

export type Content = Readonly<Record<string, Media>>

export interface Media {
  readonly schema: object
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

const SCHEMAS = '#/components/schemas/'

/** openapi/openapi.json */
export async function readDocument(): Promise<Document> {
  const document = JSON.parse(await readFile(join(ROOT, 'openapi/openapi.json'), 'utf8'))
  const resolve = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(resolve)
    const { $ref } = value as { readonly $ref?: string }
    if ($ref?.startsWith(SCHEMAS)) return { $ref: $ref.slice(SCHEMAS.length) }
    if ($ref !== undefined)
      return resolve(
        $ref
          .split('/')
          .slice(1)
          .reduce((from, name) => from[name], document),
      )
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, resolve(part)]))
  }
  return resolve(document) as Document
}

export function examplesOf({ example, examples = {} }: Media): unknown[] {
  const named = Object.values(examples).map(({ value }) => value)
  return example === undefined ? named : [example, ...named]
}
