import type { Message, MessageProperties } from '../../topic/message.ts'
import {
  fromJsonProperties,
  propertiesByteLength,
  toJsonProperties,
} from '../../topic/properties.ts'
import type { Delivery } from '../delivery.ts'
import type { Append, Changes, LogRow } from './changes.ts'
import { ShortMessage } from './short-message.ts'

/** The properties as the content of their column. */
export function toColumn(properties: MessageProperties | null): string | null {
  return properties === null ? null : JSON.stringify(toJsonProperties(properties))
}

/** The properties in a column. Throws an Error if no gateway wrote it. */
export function fromColumn(column: string | null): MessageProperties | null {
  return column === null ? null : fromJsonProperties(JSON.parse(column))
}

/** A stored payload as a Buffer, without a copy. */
export function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** A payload as text, one character per byte: strings are copied to another thread faster than buffers. */
export function toCharacters(payload: Buffer): string {
  return payload.toString('latin1')
}

/** The message in a row of the log. */
export function fromRow(...row: LogRow): Delivery {
  const [sequence, topic, payload, qos, retain, device, received, properties, expires, own] = row
  return {
    sequence,
    topic,
    payload: toBuffer(payload),
    qos,
    retain: retain === 1,
    device,
    time: own ?? received,
    received,
    properties: fromColumn(properties),
    expires,
  }
}

/** The change that stores a message. */
export function toAppend(delivery: Delivery): Append {
  const { sequence, topic, payload, qos, retain, device, time, received, properties, expires } =
    delivery
  return [
    'append',
    sequence,
    topic,
    toCharacters(payload),
    qos,
    retain ? 1 : 0,
    device,
    received,
    toColumn(properties),
    expires,
    time === received ? null : time,
  ]
}

/** The message in an `append`. */
export function fromAppend(...append: Changes['append']): Delivery {
  const [number, topic, characters, ...rest] = append
  return fromRow(number, topic, Buffer.from(characters, 'latin1'), ...rest)
}

/** A copy of the message: the original may be a view that keeps a whole socket buffer alive. */
export function ownMessage<T extends Pick<Message, 'payload' | 'properties'>>(message: T): T {
  const { payload, properties } = message
  return { ...message, payload: ownBytes(payload), properties: ownProperties(properties) }
}

/** Bytes of the largest payload that is kept as text. */
const SHORT_BYTES = 1024

/** As `ownMessage`, for a message that waits for an acknowledgement and seldom is read again. */
export function keptMessage(message: Delivery): Delivery {
  if (message.payload.length > SHORT_BYTES || message.properties?.correlationData)
    return ownMessage(message)
  return new ShortMessage(message)
}

function ownProperties(properties: MessageProperties | null): MessageProperties | null {
  if (!properties?.correlationData) return properties
  return { ...properties, correlationData: ownBytes(properties.correlationData) }
}

function ownBytes(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

/** Bytes that a message takes: its topic, payload and properties. */
export function byteLength({
  topic,
  payload,
  properties,
}: Pick<Message, 'topic' | 'payload' | 'properties'>): number {
  return Buffer.byteLength(topic) + payload.length + propertiesByteLength(properties)
}
