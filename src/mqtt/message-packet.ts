import type { Delivery } from '../broker/delivery.ts'
import type { Qos } from '../topic/message.ts'
import { timedProperties } from '../topic/time.ts'
import { createTopicAliases } from './aliases.ts'
import type { Client } from './client.ts'
import { publishPacket } from './encode-publish.ts'
import type { SharedFrames } from './shared-frames.ts'

/** The PUBLISH that brings one client a message; the client does not get one that is larger than it takes. */
export type ToPacket = (
  message: Delivery,
  qos: Qos,
  retain: boolean,
  dup: boolean,
  packetId: number,
  identifiers: readonly number[] | null,
) => Buffer

const NONE: readonly number[] = []

export function createToPacket({ terms, session }: Client, frames: SharedFrames): ToPacket {
  const { version, topicAliases, maximumPacketSize } = terms
  const aliases = topicAliases > 0 ? createTopicAliases(topicAliases) : null

  return (message, qos, retain, dup, packetId, identifiers) => {
    const isShared = !retain && !dup && identifiers === null && aliases === null
    if (isShared) return frames.of(message, version, qos, packetId)
    // what may wait for the disk must not set an alias that others use before it
    const aliased = aliases && (qos === 0 || !session.isStored) ? aliases.of(message.topic) : null
    const packet = publishPacket(version, {
      topic: aliased?.topic ?? message.topic,
      payload: message.payload,
      qos,
      retain,
      dup,
      packetId,
      properties: timedProperties(message),
      messageExpiry: frames.secondsLeft(message.expires),
      topicAlias: aliased?.topicAlias ?? 0,
      subscriptionIdentifiers: identifiers ?? NONE,
    })
    if (aliased?.topic && packet.length > maximumPacketSize) aliases?.takeBack(message.topic)
    return packet
  }
}
