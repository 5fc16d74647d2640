// A client that only knows openapi/openapi.json.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as http, type IncomingMessage } from 'node:http'
import { request as https, type RequestOptions } from 'node:https'
import {
  type Described,
  type Document,
  examplesOf,
  type Operation,
  type Parameter,
  type Server,
} from './document.ts'
import { createValidate, decode, type Validate } from './validate.ts'

export interface Credentials {
  /** For security of type mutualTLS. */
  readonly certificate?: { readonly certificate: string; readonly key: string } | undefined
  /** For security of type apiKey. */
  readonly apiKey?: string | undefined
}

/** Changes to the examples of the file. */
export interface Call extends Credentials {
  readonly server?: Server
  readonly parameters?: Readonly<Record<string, string | readonly string[]>>
  readonly accept?: string
  readonly mediaType?: string
  readonly body?: string | Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Options of Node's request, for unusual requests. */
  readonly options?: RequestOptions
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: it has been compared with its schema
  readonly body: any
}

export interface Client {
  /** Sends the request of an operation, and fails unless the file describes the answer. */
  call(operation: string, call?: Call): Promise<Answer>
  readonly validate: Validate
}

export interface ClientOptions {
  readonly document: Document
  readonly ca: string
  /** The port of the server with this default port. */
  port(standard: string): number
}

export function createClient({ document, ca, port }: ClientOptions): Client {
  const validate = createValidate(document)

  function find(id: string): [path: string, method: string, operation: Operation] {
    for (const [path, methods] of Object.entries(document.paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.operationId === id) return [path, method, operation]
    throw new Error(`there is no operation ${id}`)
  }

  function originOf({ url, variables }: Server): string {
    const { host, port: standard } = variables
    return url
      .replace('{host}', host?.default ?? '')
      .replace('{port}', `${port(standard?.default ?? '')}`)
  }

  function credentialsFor({ security }: Operation, { certificate, apiKey }: Call): RequestOptions {
    const options: RequestOptions = { headers: {} }
    for (const name of security.flatMap(Object.keys)) {
      const { type, name: cookie } = document.components.securitySchemes[name] ?? {}
      if (type === 'mutualTLS' && certificate)
        Object.assign(options, { cert: certificate.certificate, key: certificate.key })
      if (type === 'apiKey' && apiKey !== undefined)
        options.headers = { cookie: `${cookie}=${apiKey}` }
    }
    return options
  }

  return {
    validate,
    async call(id, call = {}) {
      const [path, method, operation] = find(id)
      const server = call.server ?? (operation.servers ?? document.servers)[0]
      assert.ok(server, id)
      const url = new URL(originOf(server) + fillIn(path, operation.parameters ?? [], call))
      const [mediaType, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? []
      const [example] = media ? examplesOf(media) : []
      const body = call.body ?? (typeof example === 'object' ? JSON.stringify(example) : example)
      const { headers, ...credentials } = credentialsFor(operation, call)
      const sent = (url.protocol === 'https:' ? https : http)(url, {
        method: method.toUpperCase(),
        ca,
        agent: false,
        ...credentials,
        ...call.options,
        headers: {
          ...(mediaType ? { 'content-type': call.mediaType ?? mediaType } : {}),
          ...(call.accept ? { accept: call.accept } : {}),
          ...headers,
          ...headersOf(operation.parameters ?? [], call),
          ...call.headers,
        },
      })
      sent.end(body)
      const [response] = (await once(sent, 'response')) as [IncomingMessage]
      const answer = await read(response)
      const described = operation.responses[answer.status]
      const what = `${id}: ${answer.status}`
      assert.ok(described, `${what} is not described, ${JSON.stringify(answer.body)}`)
      compare(validate, described, answer, what)
      return answer
    },
  }
}

function valuesOf(parameter: Parameter, { parameters = {} }: Call): readonly string[] {
  const [example] = parameter.required ? examplesOf(parameter) : []
  const value = parameters[parameter.name] ?? example ?? []
  return (Array.isArray(value) ? value : [value]).map(String)
}

function fillIn(path: string, parameters: readonly Parameter[], call: Call): string {
  let filled = path
  const query: string[] = []
  for (const parameter of parameters)
    for (const value of valuesOf(parameter, call).map(encodeURIComponent))
      if (parameter.in === 'path') filled = filled.replace(`{${parameter.name}}`, value)
      else if (parameter.in === 'query') query.push(`${parameter.name}=${value}`)
  return query.length === 0 ? filled : `${filled}?${query.join('&')}`
}

function headersOf(parameters: readonly Parameter[], call: Call): Record<string, string> {
  const headers = parameters.filter((parameter) => parameter.in === 'header')
  const pairs = headers.map((parameter) => [parameter.name, valuesOf(parameter, call)[0]])
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined))
}

/** Reads an answer; a stream, which has no end, up to its first event. */
async function read(response: IncomingMessage): Promise<Answer> {
  const mediaType = mediaTypeOf(response)
  let text = ''
  for await (const chunk of response) {
    text += chunk
    if (mediaType === 'text/event-stream' && /^data:.*\n\n/m.test(text)) break
  }
  const body = mediaType.endsWith('json') ? decode(mediaType, text) : text
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}

function mediaTypeOf({ headers }: Pick<Answer, 'headers'>): string {
  return headers['content-type']?.split(';')[0] ?? ''
}

function compare(
  validate: Validate,
  { headers = {}, content }: Described,
  answer: Answer,
  what: string,
): void {
  for (const [name, { required, schema }] of Object.entries(headers)) {
    const value = answer.headers[name]?.toString()
    assert.ok(value !== undefined || !required, `${what} has no ${name}`)
    if (value !== undefined) validate(schema, /^\d+$/.test(value) ? Number(value) : value, what)
  }
  if (!content) {
    assert.equal(answer.body, '', what)
    return
  }
  const media = content[mediaTypeOf(answer)] ?? content['*/*']
  assert.ok(media, `${what} with ${mediaTypeOf(answer)} is not described`)
  // a header that the file does not describe must not be present either
  const closed = '$ref' in media.schema || 'allOf' in media.schema
  const { schema } = media
  validate(closed ? { allOf: [schema], unevaluatedProperties: false } : schema, answer.body, what)
}
