import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The kinds of events that a function answers. */
export const HTTP_EVENTS = ['rest', 'http-1.0', 'http-2.0', 'alb', 'alb-multi-value'] as const
export type EventName = (typeof HTTP_EVENTS)[number]

// biome-ignore lint/suspicious/noExplicitAny: AWS' events, of many shapes
type Json = any

/** An event as AWS documents it, for `POST /topics/wott/temperature?qos=1` with the body 21.5. */
export function readFixture(name: string): Json {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'events', `${name}.json`), 'utf8'))
}

export interface EventRequest {
  readonly method?: string
  /** Percent-encoded, as the client sends it. */
  readonly path?: string
  readonly query?: string
  /** Added to the headers of the event. */
  readonly headers?: Readonly<Record<string, readonly string[]>>
  readonly body?: string | Buffer
  readonly stage?: string | undefined
  /** The client certificate; null for none. */
  readonly pem?: string | null
}

/** The event that AWS makes of a request: the fixture with its path, query, headers, body and certificate. */
export function requestEvent(name: EventName, request: EventRequest = {}): Json {
  const event = readFixture(name)
  const { method = 'POST', path, query, headers = {}, body, stage, pem } = request
  if (name === 'http-2.0') event.requestContext.http.method = method
  else event.httpMethod = method
  if (stage !== undefined) event.requestContext.stage = stage
  if (path !== undefined) putPath(event, name, path)
  if (query !== undefined) putQuery(event, name, query)
  if (pem !== undefined) putCertificate(event, name, pem)
  for (const [header, values] of Object.entries(headers)) putHeader(event, header, values)
  if (body !== undefined) event.body = Buffer.from(body).toString('base64')
  return event
}

/** HTTP APIs decode the path once, and end it at the first decoded "?"; the others pass it on unchanged. */
function putPath(event: Json, name: EventName, path: string): void {
  const decoded = () => decodeURIComponent(path).split('?', 1)[0]
  if (name === 'http-2.0') event.rawPath = decoded()
  else event.path = name === 'http-1.0' ? decoded() : path
}

/** API Gateway decodes the names and values of format 1.0; load balancers do not. */
function putQuery(event: Json, name: EventName, query: string): void {
  if (name === 'http-2.0') {
    event.rawQueryString = query
    return
  }
  const decode = name.startsWith('alb') ? (text: string) => text : decodeURIComponent
  const values = new Map<string, string[]>()
  for (const [key = '', value = ''] of pairsOf(query))
    values.set(decode(key), [...(values.get(decode(key)) ?? []), decode(value)])
  const lists = Object.fromEntries(values)
  const last = Object.fromEntries([...values].map(([key, list]) => [key, list.at(-1)]))
  if (name !== 'alb') event.multiValueQueryStringParameters = lists
  if (name !== 'alb-multi-value') event.queryStringParameters = last
}

function pairsOf(query: string): string[][] {
  return query === '' ? [] : query.split('&').map((pair) => pair.split('='))
}

function putHeader(event: Json, name: string, values: readonly string[]): void {
  if (event.multiValueHeaders) event.multiValueHeaders[name] = values
  // format 2.0 joins them; the others keep the last
  if (event.headers)
    event.headers[name] = event.version === '2.0' ? values.join(',') : values.at(-1)
}

function putCertificate(event: Json, name: EventName, pem: string | null): void {
  const { requestContext: context } = event
  if (name === 'http-2.0') {
    if (pem === null) context.authentication = null
    else context.authentication.clientCert.clientCertPem = pem
  } else if (name === 'rest' || name === 'http-1.0') {
    if (pem === null) delete context.identity.clientCert
    else context.identity.clientCert.clientCertPem = pem
  } else {
    for (const header of Object.keys(event.multiValueHeaders ?? event.headers))
      if (pem === null && header.startsWith('x-amzn-mtls-'))
        delete (event.multiValueHeaders ?? event.headers)[header]
    if (pem !== null) putHeader(event, 'x-amzn-mtls-clientcert-leaf', [albEncoded(pem)])
  }
}

/** Percent-encoded, with "+", "=" and "/" left as they are. */
export function albEncoded(pem: string): string {
  return encodeURIComponent(pem).replace(/%2B|%3D|%2F/g, decodeURIComponent)
}
