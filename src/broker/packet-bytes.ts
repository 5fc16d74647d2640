import type { Qos } from '../topic/message.ts'

export interface PublishFields {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos: Qos
  readonly retain: boolean
  readonly dup: boolean
  /** Packet identifier, for QoS 1 and 2. */
  readonly messageId?: number | undefined
}

/** The bytes of an MQTT 3.1.1 PUBLISH packet [§3.3], in one buffer where mqtt-packet makes six writes of it. */
export function publishBytes(packet: PublishFields): Buffer {
  const { topic, payload, qos, retain, dup, messageId = 0 } = packet
  const topicBytes = Buffer.byteLength(topic)
  const payloadBytes = Buffer.byteLength(payload)
  const remaining = 2 + topicBytes + (qos > 0 ? 2 : 0) + payloadBytes
  const frame = Buffer.allocUnsafe(1 + lengthBytes(remaining) + remaining)
  frame[0] = 0x30 | (dup ? 0x08 : 0) | (qos << 1) | (retain ? 0x01 : 0)
  let at = writeLength(frame, remaining)
  at = frame.writeUInt16BE(topicBytes, at)
  at += frame.write(topic, at)
  if (qos > 0) at = frame.writeUInt16BE(messageId, at)
  if (typeof payload === 'string') frame.write(payload, at)
  else frame.set(payload, at)
  return frame
}

function lengthBytes(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4
}

/** The remaining length, seven bits a byte, the lowest first [§2.2.3]. */
function writeLength(frame: Buffer, length: number): number {
  let at = 1
  let rest = length
  while (rest >= 128) {
    frame[at++] = (rest & 0x7f) | 0x80
    rest >>= 7
  }
  frame[at++] = rest
  return at
}

export function pubackBytes(messageId: number): Buffer {
  return Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff])
}

export function pubrelBytes(messageId: number): Buffer {
  return Buffer.from([0x62, 2, messageId >> 8, messageId & 0xff])
}
