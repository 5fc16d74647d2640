import { isUtf8 } from 'node:buffer'
import type { Access } from '../acl/access.ts'
import type { Denials } from '../acl/denials.ts'
import type { Broker, KeyedLine } from '../broker/broker.ts'
import type { Origin } from '../broker/session.ts'
import type { RateLimit } from '../budget/rate-limit.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { Meter, PublishResult, Source } from '../metrics/meter.ts'
import type { MessageProperties, Qos } from '../topic/message.ts'
import {
  MAX_PROPERTIES_BYTES,
  MAX_USER_PROPERTIES,
  mostPropertiesBytes,
  propertiesByteLength,
} from '../topic/properties.ts'
import { isWithin, type TimeBounds, timeIn } from '../topic/time.ts'
import { type CheckedTopic, createCheckedTopics } from './checked-topics.ts'
import { createTurnstile } from './turnstile.ts'

/** A caller over HTTP, a client that speaks MQTT, or the bridge to another broker. */
export interface Publisher {
  readonly identity: Pick<Identity, 'id'>
  readonly door: Source
  readonly access: Pick<Access, 'mayPublish'>
  /** The MQTT client that publishes; for the bridge, an origin whose session is null. */
  readonly origin?: Origin
}

/** What a device sends. */
export interface Reading {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly properties: MessageProperties | null
  /** Seconds after which the message must not be delivered any more; null for no limit. */
  readonly messageExpiry: number | null
  /**
   * When it was measured, in milliseconds since the Unix epoch, where its device says so here; a user property can say so, too.
   */
  readonly time?: number | null
  /** For a request with an idempotency key. */
  readonly keyedLine?: KeyedLine | null
}

/** What the cost of a message depends on. */
export type Charged = Pick<Reading, 'topic' | 'payload' | 'properties'>

/** Null for a reading that was published, otherwise why not. */
export type Outcome = GatewayError | null

/** The one entrance for messages, whatever protocol they came in. */
export interface Relay {
  /**
   * The outcome once the broker has taken the reading, or for QoS 1 and 2 once it is stored. Not a promise where nothing has to
   * be waited for. `received` is when the gateway received it, in milliseconds since the Unix epoch; by default now.
   */
  publish(publisher: Publisher, reading: Reading, received?: number): Outcome | Promise<Outcome>
  /** Refuses an invalid reading for `reason`. It is charged like a valid one, so the outcome can be a rate limit instead. */
  refuse(publisher: Publisher, reason: GatewayError): GatewayError
  /**
   * Takes the cost of the message from the device's allowance. Returns null if there was enough; otherwise calls `go` once
   * there is, unless the returned function is called before. `publish` itself does this for HTTP, where a reading beyond the
   * limit is refused; an MQTT client has to wait instead, and loses nothing.
   */
  admit(id: string, message: Charged, go: () => void): (() => void) | null
}

export interface RelayOptions {
  readonly broker: Broker
  readonly denials: Denials
  readonly meter: Meter
  readonly rateLimit: Pick<RateLimit, 'take'>
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
  readonly timeBounds: TimeBounds
}

const KiB = 1024

type Refusal = readonly [PublishResult, GatewayError]

/**
 * The one intake: every reading from every door is checked here for validity, limits and rights, and each refusal is counted.
 */
export function createRelay({
  broker,
  denials,
  meter,
  rateLimit,
  maxPayloadBytes,
  timeBounds,
}: RelayOptions): Relay {
  const topics = createCheckedTopics()
  const turnstile = createTurnstile(rateLimit)

  function refusalOf(
    { identity: { id }, door, access, origin }: Publisher,
    reading: Reading,
    topic: CheckedTopic,
    received: number,
  ): Refusal | null {
    const { payload, properties, time = null } = reading
    const problem = origin ? topic.problem : topic.readingProblem
    if (problem) return ['invalid', new GatewayError('topic_invalid', `The topic ${problem}.`)]
    if (payload.length > maxPayloadBytes)
      return ['too_large', tooLarge(payload.length, maxPayloadBytes)]
    if (properties !== null) {
      if (properties.payloadFormatIndicator === 1 && !isUtf8(payload))
        return ['invalid', new GatewayError('body_invalid', NOT_UTF8)]
      const { userProperties = [] } = properties
      if (userProperties.length > MAX_USER_PROPERTIES)
        return ['too_large', tooMany(userProperties.length)]
      if (mostPropertiesBytes(properties) > MAX_PROPERTIES_BYTES) {
        const bytes = propertiesByteLength(properties)
        if (bytes > MAX_PROPERTIES_BYTES) return ['too_large', propertiesTooLarge(bytes)]
      }
    }
    if (time !== null && !isWithin(time, received, timeBounds))
      return ['invalid', timeTooFar(time, received, timeBounds)]
    if (access.mayPublish(topic.name)) return null
    denials.note({ door, id, action: 'publish', topic: topic.name })
    return ['denied', denied(id, topic.name)]
  }

  function refuseFor({ door }: Publisher, { qos }: Reading, [result, error]: Refusal): Outcome {
    meter.published(door, qos, result)
    return error
  }

  function timeOf({ time = null, properties }: Reading, received: number): number {
    if (time !== null) return time
    const claimed = timeIn(properties)
    // the property is not reserved, so other programs may use its name for something else
    return claimed !== null && isWithin(claimed, received, timeBounds) ? claimed : received
  }

  async function settle(taken: Promise<void>, door: Source, qos: Qos): Promise<Outcome> {
    try {
      await taken
    } catch (error) {
      meter.published(door, qos, 'failed')
      if (error instanceof GatewayError) return error
      throw error
    }
    meter.published(door, qos, 'accepted')
    return null
  }

  return {
    publish(publisher, reading, received = Date.now()) {
      const { identity, door, origin } = publisher
      const { payload, qos, retain, properties, messageExpiry, keyedLine = null } = reading
      // before anything that takes time: a refused reading costs as much as a published one
      const wait = origin ? 0 : rateLimit.take(identity.id, costOf(reading))
      if (wait > 0) return refuseFor(publisher, reading, ['rate_limited', tooFast(wait)])
      const topic = topics.of(reading.topic)
      const refusal = refusalOf(publisher, reading, topic, received)
      if (refusal) return refuseFor(publisher, reading, refusal)
      const time = timeOf(reading, received)
      const expires = messageExpiry === null ? null : broker.log.now() + messageExpiry * 1000
      const taken = broker.publish(
        {
          topic: topic.name,
          payload,
          qos,
          retain,
          device: identity.id,
          time,
          received,
          properties,
          expires,
        },
        origin,
        keyedLine,
      )
      if (taken) return settle(taken, door, qos)
      meter.published(door, qos, 'accepted')
      return null
    },
    refuse({ identity, door }, reason) {
      const wait = rateLimit.take(identity.id)
      meter.published(door, 0, wait > 0 ? 'rate_limited' : 'invalid')
      return wait > 0 ? tooFast(wait) : reason
    },
    admit: (id, message, go) => turnstile.enter(id, costOf(message), go),
  }
}

/**
 * 1, plus 1 for each KiB of topic and properties after the first, because checking them takes time in proportion to their
 * length, plus 1 for each 4 KiB of payload after the first, because of the time to store it.
 */
function costOf({ topic, payload, properties }: Charged): number {
  const stored = Math.max(0, Math.ceil(payload.length / (4 * KiB)) - 1)
  return lengthCost(topic, properties) + stored
}

function lengthCost(topic: string, properties: MessageProperties | null): number {
  // a code unit takes at most three bytes, so short topics and properties need no counting
  if (3 * topic.length + mostPropertiesBytes(properties) <= KiB) return 1
  const topicBytes = 3 * topic.length <= KiB ? 0 : Buffer.byteLength(topic)
  return Math.max(1, Math.ceil((topicBytes + propertiesByteLength(properties)) / KiB))
}

const NOT_UTF8 = 'The payload is not valid UTF-8, but its payload format indicator says UTF-8.'

function tooLarge(bytes: number, most: number): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The payload has ${bytes} bytes; at most ${most} are allowed.`,
  )
}

function tooMany(count: number): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The message has ${count} user properties; at most ${MAX_USER_PROPERTIES} are allowed.`,
  )
}

function propertiesTooLarge(bytes: number): GatewayError {
  return new GatewayError(
    'payload_too_large',
    `The properties of the message have ${bytes} bytes; at most ${MAX_PROPERTIES_BYTES} are allowed.`,
  )
}

function timeTooFar(
  time: number,
  received: number,
  { pastMs, futureMs }: TimeBounds,
): GatewayError {
  const which = `The time ${new Date(time).toISOString()} is more than`
  return new GatewayError(
    'time_invalid',
    time < received
      ? `${which} ${pastMs / 1000} seconds ago (WOTT_READING_PAST).`
      : `${which} ${futureMs / 1000} seconds in the future (WOTT_READING_FUTURE).`,
  )
}

function tooFast(wait: number): GatewayError {
  return new GatewayError(
    'rate_limited',
    'This device exceeds its rate limit (WOTT_PUBLISH_RATE).',
    {
      retryAfter: Math.ceil(wait),
    },
  )
}

function denied(id: string, topic: string): GatewayError {
  return new GatewayError(
    'publish_denied',
    `The ACL file does not allow ${id} to publish to ${topic}.`,
  )
}
