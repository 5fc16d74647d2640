import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { Document } from './document.ts'

/** Fails unless `value` is valid by `schema`, including the content of its strings. */
export type Validate = (schema: object, value: unknown, what: string) => void

/** Parses a text by its media type. */
const DECODERS: Readonly<Record<string, (text: string) => unknown>> = {
  'application/json': (text) => JSON.parse(text),
  'application/problem+json': (text) => JSON.parse(text),
  'application/x-ndjson': (text) => linesOf(text, '\n').map((line) => JSON.parse(line)),
  'text/event-stream': (text) =>
    linesOf(text, '\n\n')
      .map(toEvent)
      .filter(({ data }) => data),
}

export function decode(mediaType: string, text: string): unknown {
  return DECODERS[mediaType]?.(text) ?? text
}

export function createValidate({ components }: Document): Validate {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  // a keyword that Ajv ignores
  ajv.removeKeyword('contentSchema')
  ajv.addKeyword({
    keyword: 'contentSchema',
    type: 'string',
    compile(schema, { contentMediaType }) {
      const validate = ajv.compile(schema)
      return (text: string) => validate(decode(contentMediaType, text)) === true
    },
  })
  for (const [name, schema] of Object.entries(components.schemas))
    ajv.addSchema(strict(schema) as object, name)
  return (schema, value, what) =>
    assert.ok(ajv.validate(schema, value), `${what}: ${ajv.errorsText()}\n${JSON.stringify(value)}`)
}

/** The same schema, which allows no member that it does not name: such a one would be missing in the reference. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.entries(schema).map(([name, part]) => [name, strict(part)])
  const isObject = 'type' in schema && schema.type === 'object' && 'properties' in schema
  const isOpen = !('additionalProperties' in schema || 'unevaluatedProperties' in schema)
  return Object.fromEntries(
    isObject && isOpen ? [...parts, ['unevaluatedProperties', false]] : parts,
  )
}

function linesOf(text: string, end: string): string[] {
  return text.split(end).filter((line) => line !== '')
}

function toEvent(frame: string): Record<string, string> {
  const fields = linesOf(frame, '\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2))
  return Object.fromEntries(fields)
}
