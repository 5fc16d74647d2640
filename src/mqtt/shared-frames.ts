import type { Delivery } from '../broker/delivery.ts'
import type { Qos } from '../topic/message.ts'
import { timedProperties } from '../topic/time.ts'
import { publishPacket, setPacketId } from './encode-publish.ts'
import type { Version } from './packets.ts'

/** Packets that, but for their packet identifiers, are the same for every client of a version, so that they are put together once. */
export interface SharedFrames {
  of(delivery: Delivery, version: Version, qos: Qos, packetId: number): Buffer
  /** Whole seconds until then, rounded up so that it is not 0 before; null for never [MQTT-3.3.2-6]. */
  secondsLeft(expires: number | null): number | null
}

const NONE: readonly number[] = []

/** Remembers the last delivery only, because all its subscribers get it one after the other. `now` is the clock that messages expire by. */
export function createSharedFrames(now: () => number): SharedFrames {
  let last: Delivery | undefined
  // by QoS for MQTT 3.1 and 3.1.1, which have the same PUBLISH, then for MQTT 5
  const frames: (Buffer | undefined)[] = Array.from({ length: 6 })

  function secondsLeft(expires: number | null): number | null {
    if (expires === null) return null
    const seconds = Math.ceil((expires - now()) / 1000)
    // more than a packet can say is a store that was written by another clock
    return Math.min(Math.max(seconds, 0), 0xffff_ffff)
  }

  return {
    secondsLeft,
    of(delivery, version, qos, packetId) {
      if (last !== delivery) {
        last = delivery
        frames.fill(undefined)
      }
      const index = version === 5 ? 3 + qos : qos
      const known = frames[index]
      if (known) return qos === 0 ? known : withPacketId(known, packetId)
      const frame = toFrame(delivery, secondsLeft(delivery.expires), version, qos, packetId)
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

function toFrame(
  delivery: Delivery,
  messageExpiry: number | null,
  version: Version,
  qos: Qos,
  packetId: number,
): Buffer {
  const { topic, payload } = delivery
  return publishPacket(version, {
    topic,
    payload,
    qos,
    retain: false,
    dup: false,
    packetId,
    properties: timedProperties(delivery),
    messageExpiry,
    topicAlias: 0,
    subscriptionIdentifiers: NONE,
  })
}
