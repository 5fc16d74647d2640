import type { Delivery } from '../../src/broker/delivery.ts'
import type { Message, MessageProperties } from '../../src/topic/message.ts'

const TIME = 1_700_000_000_000

/** Every MQTT 5 property that a message can carry. */
export const EVERY_PROPERTY = {
  payloadFormatIndicator: 1,
  contentType: 'text/plain',
  responseTopic: 'answers',
  correlationData: Buffer.from([0, 255]),
  userProperties: [
    ['b', '2'],
    ['a', '1'],
    ['b', '2'],
  ],
} as const satisfies MessageProperties

/** The times of a message that is received now, and whose publisher gave it no time of its own. */
export function receivedNow(): Pick<Message, 'time' | 'received'> {
  const now = Date.now()
  return { time: now, received: now }
}

/** A message of QoS 0 that a device sent at a fixed time, unless `more` says otherwise. */
export function message(
  topic: string,
  payload: string | Buffer,
  more: Partial<Message> = {},
): Message {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 0,
    retain: false,
    device: 'sensor.d.wott.local',
    time: TIME,
    received: TIME,
    properties: null,
    expires: null,
    ...more,
  }
}

/** The same as the broker delivers it, with this number. */
export function delivery(
  sequence: number,
  topic: string,
  payload: string | Buffer,
  more: Partial<Message> = {},
): Delivery {
  return { ...message(topic, payload, more), sequence }
}
