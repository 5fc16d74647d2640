import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { Reading } from '../relay/relay.ts'
import { parseTime, TIME_FORM } from '../topic/time.ts'
import { cloudEventIn } from './cloud-event.ts'
import type { PublishQuery } from './publish-query.ts'
import { topicInPath } from './query.ts'
import { propertiesOf } from './request-properties.ts'

export const PUBLISH_PREFIX = '/topics/'

/** The parts of a publish that its URL holds. */
export interface PublishTarget {
  readonly topic: string
  /** When the reading was measured, if the URL says so. */
  readonly time: number | null
  readonly query: PublishQuery
}

/** Returns a GatewayError for a path that cannot be decoded, or a time that is not valid. */
export function toTarget(url: string, query: PublishQuery): PublishTarget | GatewayError {
  const topic = topicInPath(url, PUBLISH_PREFIX)
  if (topic instanceof GatewayError) return topic
  const time = query.time === undefined ? null : parseReadingTime(query.time)
  return time instanceof GatewayError ? time : { topic, time, query }
}

/** The other parts of a publish; `contentType` as the client sent it. */
export interface PublishContent {
  readonly headers: IncomingHttpHeaders
  readonly contentType: string | undefined
  readonly body: Buffer
}

/** Returns a GatewayError for headers or a CloudEvent that are not valid. Does not check the topic. */
export function toReading(
  { topic, time, query }: PublishTarget,
  { headers, contentType, body }: PublishContent,
): Reading | GatewayError {
  const event = cloudEventIn(headers, contentType, body)
  if (event instanceof GatewayError) return event
  const read = propertiesOf(query, headers, event)
  if (read instanceof GatewayError) return read
  const { properties, messageExpiry } = read
  const { qos, retain } = query
  return { topic, payload: body, qos, retain, properties, messageExpiry, time }
}

/** The time of a reading in the device's notation. */
export function parseReadingTime(value: unknown): number | GatewayError {
  const isText = typeof value === 'string' || typeof value === 'number'
  const time = isText ? parseTime(String(value)) : null
  return time ?? new GatewayError('time_invalid', `time must be ${TIME_FORM}.`)
}
