import type { Access } from '../acl/access.ts'
import type { Denials } from '../acl/denials.ts'
import type { Broker } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import type { Door, Meter, PublishResult } from '../metrics/meter.ts'
import type { MessageProperties } from '../topic/message.ts'
import { readingTopicProblem } from '../topic/topic.ts'
import type { RateLimit } from './rate-limit.ts'

/** Whoever asks over HTTP: who it is, what the ACL lets it do, and the door it came through. */
export interface Caller {
  readonly identity: Pick<Identity, 'id' | 'notAfter'> & Partial<Identity>
  readonly access: Access
  readonly door: Door
  /** Aborted, with a GatewayError for a reason, when a session is over that nothing else ends. */
  readonly ended?: AbortSignal
}

/** What a device sends over HTTP. */
export interface Reading {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties: MessageProperties | null
  /** Seconds until nobody is to get it any more; null for never. */
  readonly messageExpiry: number | null
}

export interface Relay {
  /** Null once the broker has taken the reading (with QoS 1: stored it), otherwise why it was not published. */
  publish(caller: Caller, reading: Reading): Promise<GatewayError | null>
}

export interface RelayOptions {
  readonly broker: Broker
  readonly denials: Denials
  readonly meter: Meter
  readonly rateLimit: RateLimit
  /** Bytes of the largest payload. */
  readonly maxPayload: number
}

/** A device's HTTP reading on its way to the broker: valid? within limits? allowed? published. */
export function createRelay({
  broker,
  denials,
  meter,
  rateLimit,
  maxPayload,
}: RelayOptions): Relay {
  function objection(
    { identity, access, door }: Caller,
    { topic, payload }: Reading,
  ): [PublishResult, GatewayError] | null {
    const problem = readingTopicProblem(topic)
    if (problem) return ['invalid', new GatewayError('topic_invalid', `The topic ${problem}.`)]
    if (payload.length > maxPayload)
      return [
        'too_large',
        new GatewayError(
          'payload_too_large',
          `The payload has ${payload.length} bytes; at most ${maxPayload} are allowed.`,
        ),
      ]
    const wait = rateLimit.take(identity.id)
    if (wait > 0)
      return [
        'rate_limited',
        new GatewayError('rate_limited', 'This device publishes faster than it may.', {
          retryAfter: Math.ceil(wait),
        }),
      ]
    if (!access.mayPublish(topic)) {
      denials.note({ door, id: identity.id, action: 'publish', topic })
      return [
        'denied',
        new GatewayError(
          'publish_denied',
          `The access control file does not let ${identity.id} publish to ${topic}.`,
        ),
      ]
    }
    return null
  }

  return {
    async publish(caller, reading) {
      const refused = objection(caller, reading)
      if (refused) {
        meter.published(caller.door, reading.qos, refused[0])
        return refused[1]
      }
      try {
        const { messageExpiry, ...message } = reading
        const time = Date.now()
        const expires = messageExpiry === null ? null : time + messageExpiry * 1000
        await broker.publish({ ...message, device: caller.identity.id, time, expires })
      } catch (error) {
        meter.published(caller.door, reading.qos, 'failed')
        if (error instanceof GatewayError) return error
        throw error
      }
      meter.published(caller.door, reading.qos, 'accepted')
      return null
    },
  }
}
