import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import { fromBase64 } from '../net/base64.ts'
import type { UserProperty } from '../topic/message.ts'
import type { EventProperties } from './cloud-event.ts'
import { type PublishPropertyName, parseProperties, type ReadProperties } from './properties.ts'

/** The query parameters of AWS IoT's `Publish`. */
interface QueryProperties {
  readonly contentType?: string | undefined
  readonly messageExpiry?: number | undefined
  readonly responseTopic?: string | undefined
}

/** The headers of AWS IoT's `Publish`. */
export const HEADERS = {
  payloadFormatIndicator: 'x-amz-mqtt5-payload-format-indicator',
  correlationData: 'x-amz-mqtt5-correlation-data',
  userProperties: 'x-amz-mqtt5-user-properties',
} as const
/** The payload formats, each at the index of its MQTT value. */
export const FORMATS: readonly string[] = ['UNSPECIFIED_BYTES', 'UTF8_DATA']

const PREFIX = 'x-amz-mqtt5-'
const KNOWN_HEADERS: readonly string[] = Object.values(HEADERS)

type Values = Partial<Record<PublishPropertyName, unknown>>

/** The properties that a request gives its message, in the places that AWS IoT uses, combined with those of a CloudEvent. */
export function propertiesOf(
  { contentType, messageExpiry, responseTopic }: QueryProperties,
  headers: IncomingHttpHeaders,
  event: EventProperties | null,
): ReadProperties | GatewayError {
  const values: Values = {
    contentType: contentType ?? event?.contentType,
    messageExpiry,
    responseTopic,
  }
  const refused = takeHeaders(headers, values)
  if (refused) return refused
  if (event && event.userProperties.length > 0) {
    const { userProperties = [] } = values
    values.userProperties = [...event.userProperties, ...(userProperties as UserProperty[])]
  }
  const read = parseProperties(values)
  if (!('problem' in read)) return read
  const { name, problem } = read
  if (name === null) return new GatewayError('request_invalid', `The MQTT properties ${problem}.`)
  return isHeader(name)
    ? headerInvalid(name, problem)
    : new GatewayError('query_invalid', `${name} ${problem}.`)
}

function takeHeaders(headers: IncomingHttpHeaders, values: Values): GatewayError | null {
  let isAny = false
  for (const name in headers) {
    if (!name.startsWith(PREFIX)) continue
    // a misspelt header must not lose its value without an error
    if (!KNOWN_HEADERS.includes(name))
      return new GatewayError(
        'request_invalid',
        `Unknown header ${name}; the known headers are ${KNOWN_HEADERS.join(', ')}.`,
      )
    isAny = true
  }
  if (!isAny) return null
  const format = headers[HEADERS.payloadFormatIndicator]
  if (format !== undefined) {
    const indicator = FORMATS.indexOf(String(format))
    if (indicator === -1)
      return headerInvalid('payloadFormatIndicator', `must be ${FORMATS.join(' or ')}`)
    values.payloadFormatIndicator = indicator
  }
  const correlationData = headers[HEADERS.correlationData]
  if (correlationData !== undefined) values.correlationData = correlationData
  const userProperties = headers[HEADERS.userProperties]
  if (typeof userProperties === 'string') {
    const pairs = pairsIn(userProperties)
    if (pairs === null)
      return headerInvalid(
        'userProperties',
        'must be base64 of a JSON list of objects with one name each, such as [{"name":"value"}]',
      )
    values.userProperties = pairs
  }
  return null
}

/**
 * Pairs from `[{"a":"1"},{"b":"2"}]` in base64, or from a JSON string of that, which AWS clients make of the text that users
 * give. An object with several names is refused: JSON objects have no order.
 */
function pairsIn(base64: string): UserProperty[] | null {
  const bytes = fromBase64(base64)
  if (bytes === null || !isUtf8(bytes)) return null
  try {
    const value = JSON.parse(bytes.toString('utf8'))
    const list = typeof value === 'string' ? JSON.parse(value) : value
    if (!Array.isArray(list)) return null
    const pairs = list.map((object) => (isObject(object) ? Object.entries(object) : []))
    return pairs.every((entries) => entries.length === 1) ? (pairs.flat() as UserProperty[]) : null
  } catch {
    return null
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isHeader(name: PublishPropertyName): name is keyof typeof HEADERS {
  return Object.hasOwn(HEADERS, name)
}

function headerInvalid(name: keyof typeof HEADERS, problem: string): GatewayError {
  return new GatewayError('request_invalid', `The header ${HEADERS[name]} ${problem}.`)
}
