import { UsageError } from '../errors.ts'
import { encodePath, escapeIllegal, withoutPrefix } from './path.ts'

/** How the answer has to be written: as payload format 1.0 or 2.0 of API Gateway, or for a load balancer with one or several values of a header. */
export type ResultFormat = '1.0' | '2.0' | 'alb' | 'alb-multi-value'

/** An HTTP request as AWS hands it to a function. */
export interface EventRequest {
  readonly format: ResultFormat
  readonly method: string
  /** Path and query, percent-encoded. */
  readonly url: string
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: Buffer
  /** The client certificate that API Gateway verified, in PEM; null where there is none, and from a load balancer. */
  readonly certificate: string | null
  readonly address: string | undefined
}

export interface EventOptions {
  /** What an API mapping puts before the paths, `/iot` for example. */
  readonly basePath?: string | undefined
}

/** The parts of AWS' events that are read here; each may be missing. */
interface Event {
  readonly version?: unknown
  readonly httpMethod?: unknown
  readonly path?: unknown
  readonly rawPath?: unknown
  readonly rawQueryString?: unknown
  readonly headers?: Values | null
  readonly multiValueHeaders?: Lists | null
  readonly queryStringParameters?: Values | null
  readonly multiValueQueryStringParameters?: Lists | null
  readonly body?: unknown
  readonly isBase64Encoded?: unknown
  readonly requestContext?: Context
}

interface Context {
  readonly elb?: unknown
  readonly stage?: unknown
  readonly http?: { readonly method?: unknown; readonly sourceIp?: string }
  readonly identity?: { readonly sourceIp?: string; readonly clientCert?: ClientCert | null }
  readonly authentication?: { readonly clientCert?: ClientCert | null } | null
}

interface ClientCert {
  readonly clientCertPem?: unknown
}

type Values = Readonly<Record<string, string | undefined>>
type Lists = Readonly<Record<string, readonly string[] | undefined>>

/**
 * The request in an event of API Gateway (REST API, or HTTP API with payload format 1.0 or 2.0) or of an Application Load
 * Balancer. Throws a UsageError for any other event.
 */
export function readEvent(value: unknown, { basePath = '' }: EventOptions = {}): EventRequest {
  const event = (typeof value === 'object' && value !== null ? value : {}) as Event
  const { requestContext: context } = event
  if (typeof context === 'object' && context !== null) {
    if (event.version === '2.0' && typeof context.http?.method === 'string')
      return fromFormat2(event, context, basePath)
    if (typeof event.httpMethod === 'string') {
      if (context.elb) return fromLoadBalancer(event, basePath)
      if (context.identity) return fromFormat1(event, context, basePath)
    }
  }
  throw new UsageError(
    `This event is not an HTTP request of API Gateway (REST API, or HTTP API with payload format 1.0 or 2.0) or of an Application Load Balancer; its members are: ${Object.keys(event).join(', ') || 'none'}.`,
  )
}

function fromFormat2(event: Event, context: Context, basePath: string): EventRequest {
  const query = text(event.rawQueryString)
  const path = withoutPrefix(withoutStage(text(event.rawPath), context), basePath)
  return {
    format: '2.0',
    method: text(context.http?.method),
    // an HTTP API has decoded the path, and left the query as it came
    url: `${encodePath(path)}${query === '' ? '' : `?${escapeIllegal(query)}`}`,
    headers: headersOf(event),
    body: bodyOf(event),
    certificate: certificateIn(context.authentication?.clientCert),
    address: context.http?.sourceIp,
  }
}

function fromFormat1(event: Event, context: Context, basePath: string): EventRequest {
  // only HTTP APIs say a version here, and only they decode the path and leave the stage in it
  const path =
    event.version === undefined
      ? escapeIllegal(withoutPrefix(text(event.path), basePath))
      : encodePath(withoutPrefix(withoutStage(text(event.path), context), basePath))
  return {
    format: '1.0',
    method: text(event.httpMethod),
    url: `${path}${queryOf(event, encodeURIComponent)}`,
    headers: headersOf(event),
    body: bodyOf(event),
    certificate: certificateIn(context.identity?.clientCert),
    address: context.identity?.sourceIp,
  }
}

function fromLoadBalancer(event: Event, basePath: string): EventRequest {
  const headers = headersOf(event)
  return {
    format: event.multiValueHeaders ? 'alb-multi-value' : 'alb',
    method: text(event.httpMethod),
    // a load balancer decodes neither the path nor the query
    url: `${escapeIllegal(withoutPrefix(text(event.path), basePath))}${queryOf(event, escapeIllegal)}`,
    headers,
    body: bodyOf(event),
    certificate: null,
    // the load balancer adds the address that it sees at the end
    address: headers.get('x-forwarded-for')?.at(-1)?.split(',').at(-1)?.trim(),
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function certificateIn(cert: ClientCert | null | undefined): string | null {
  return text(cert?.clientCertPem) || null
}

/** Each value by itself where the event has them so: `headers` then holds the last one only. */
function headersOf({ headers, multiValueHeaders }: Event): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const [name, value] of Object.entries(multiValueHeaders ?? headers ?? {})) {
    const key = name.toLowerCase()
    found.set(key, [...(found.get(key) ?? []), ...listOf(value)])
  }
  return found
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  return typeof value === 'string' ? [value] : (value ?? [])
}

function queryOf(event: Event, encode: (text: string) => string): string {
  const { multiValueQueryStringParameters: lists, queryStringParameters: values } = event
  const pairs = Object.entries<string | readonly string[] | undefined>(
    lists ?? values ?? {},
  ).flatMap(([name, value]) => listOf(value).map((each) => `${encode(name)}=${encode(each)}`))
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

function bodyOf({ body, isBase64Encoded }: Event): Buffer {
  return Buffer.from(text(body), isBase64Encoded === true ? 'base64' : 'utf8')
}

function withoutStage(path: string, { stage }: Context): string {
  return stage === '$default' ? path : withoutPrefix(path, `/${text(stage)}`)
}
