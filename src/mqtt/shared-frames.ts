import type { Delivery } from '../broker/broker.ts'
import type { Qos } from '../topic/message.ts'
import { publishPacket, setPacketId } from './encode-publish.ts'
import type { Version } from './packets.ts'

/** Packets that, but for their packet identifiers, are the same for every client of a version, so that they are put together once. */
export interface SharedFrames {
  of(delivery: Delivery, version: Version, qos: Qos, packetId: number): Buffer
}

const NONE: readonly number[] = []

/** Remembers the last delivery only: it is handed to all its subscribers in one go. */
export function createSharedFrames(): SharedFrames {
  let last: Delivery | undefined
  // by QoS for MQTT 3.1 and 3.1.1, which have the same PUBLISH, then for MQTT 5
  const frames: (Buffer | undefined)[] = Array.from({ length: 6 })

  return {
    of(delivery, version, qos, packetId) {
      if (last !== delivery) {
        last = delivery
        frames.fill(undefined)
      }
      const index = version === 5 ? 3 + qos : qos
      const known = frames[index]
      if (known) return qos === 0 ? known : withPacketId(known, packetId)
      const frame = toFrame(delivery, version, qos, packetId)
      frames[index] = frame
      return frame
    },
  }
}

function withPacketId(frame: Buffer, packetId: number): Buffer {
  // Buffer.from takes three times as long
  const copy = Buffer.allocUnsafe(frame.length)
  copy.set(frame)
  setPacketId(copy, packetId)
  return copy
}

function toFrame(delivery: Delivery, version: Version, qos: Qos, packetId: number): Buffer {
  const { topic, payload, properties, expires } = delivery
  return publishPacket(version, {
    topic,
    payload,
    qos,
    retain: false,
    dup: false,
    packetId,
    properties,
    messageExpiry: secondsLeft(expires),
    topicAlias: 0,
    subscriptionIdentifiers: NONE,
  })
}

/** Whole seconds until then, rounded up so that it is not 0 before; null for never [MQTT-3.3.2-6]. */
export function secondsLeft(expires: number | null): number | null {
  if (expires === null) return null
  const seconds = Math.ceil((expires - Date.now()) / 1000)
  // a clock that was set back would make it more than a packet can say
  return Math.min(Math.max(seconds, 0), 0xffff_ffff)
}
