import { createPace } from '../../pace.ts'
import { topicMatches } from '../../topic/match.ts'
import type { Qos } from '../../topic/message.ts'
import { createTopicTrie } from '../../topic/trie.ts'
import type { Change, Payload } from './changes.ts'
import type { Ground } from './ground.ts'
import {
  byteLength,
  ownPayload,
  type PublishPacket,
  restoredPayload,
  stampOf,
  toProperties,
} from './packet.ts'

/** Steps through the topics in one turn of the event loop, all walks together: well under a millisecond. */
const STEPS_EACH_TURN = 256

export function createRetained({ journal, limits, onBound }: Ground) {
  const topics = createTopicTrie<PublishPacket>()
  const pace = createPace(STEPS_EACH_TURN)
  // topics with changes on their way to the journal, which must be applied before any later one
  const underway = new Map<string, { changes: number; latest: PublishPacket | null }>()
  let bytes = 0
  /** By the device that published them. */
  const bytesOf = new Map<string | null, number>()

  /** Keeps or, without a payload, removes [MQTT-3.3.1-10]; a QoS 0 message promises nothing and does not wait. */
  async function store(packet: PublishPacket): Promise<void> {
    const { topic } = packet
    // where there is no room for the new one the old one goes too: it is not the last one any more
    const kept = packet.payload.length > 0 && hasRoom(packet) ? toKept(packet) : null
    const earlier = underway.get(topic)
    if (!kept && !earlier && !topics.get(topic)) return
    const change: Change = kept
      ? ['retain', topic, kept.payload, kept.qos, ...stampOf(kept)]
      : ['unretain', topic]
    if (packet.qos === 0 && !earlier) {
      journal.later(`retained ${topic}`, change)
      return apply(topic, kept)
    }
    const ours = earlier ?? { changes: 0, latest: null }
    ours.changes += 1
    ours.latest = kept
    underway.set(topic, ours)
    const stored = journal
      .append([change])
      .then(() => apply(topic, kept))
      .finally(() => {
        ours.changes -= 1
        if (ours.changes === 0) underway.delete(topic)
      })
    if (packet.qos === 0) stored.catch(() => {})
    else await stored
  }

  function hasRoom(packet: PublishPacket): boolean {
    const before = topics.get(packet.topic)
    if (!before && topics.size >= limits.retainedMessages) {
      onBound('retained_messages', 1)
      return false
    }
    const freed = before ? byteLength(before) : 0
    const ownFreed = before && publisherOf(before) === publisherOf(packet) ? freed : 0
    const all = bytes - freed + byteLength(packet)
    const own = (bytesOf.get(publisherOf(packet)) ?? 0) - ownFreed + byteLength(packet)
    if (all <= limits.retainedBytes && own <= limits.retainedBytesPerDevice) return true
    onBound('retained_bytes', 1)
    return false
  }

  function count(packet: PublishPacket, by: number): void {
    bytes += by
    const own = (bytesOf.get(publisherOf(packet)) ?? 0) + by
    if (own === 0) bytesOf.delete(publisherOf(packet))
    else bytesOf.set(publisherOf(packet), own)
  }

  function apply(topic: string, kept: PublishPacket | null): void {
    const before = topics.get(topic)
    if (before) count(before, -byteLength(before))
    if (kept) count(kept, byteLength(kept))
    if (kept) topics.set(topic, kept)
    else topics.delete(topic)
  }

  /** Each retained message that any of the filters covers, once, with a pause for everybody else in between. */
  async function* covered(filters: readonly string[]): AsyncGenerator<PublishPacket> {
    for (const [index, filter] of filters.entries()) {
      const earlier = filters.slice(0, index)
      for (const packet of topics.covered(filter)) {
        while (!pace.take()) await pace.turn()
        if (packet && !earlier.some((other) => topicMatches(other, packet.topic))) yield packet
      }
    }
  }

  return {
    get size() {
      return topics.size
    },
    get bytes() {
      return bytes
    },
    store,
    /** The latest on `topic`, even while it is on its way to the journal. */
    latest(topic: string): PublishPacket | undefined {
      const changing = underway.get(topic)
      return changing ? (changing.latest ?? undefined) : topics.get(topic)
    },
    covered,
    restore(
      topic: string,
      payload: Payload,
      qos: Qos,
      device: string | null,
      time: number | null,
    ): void {
      apply(topic, {
        cmd: 'publish',
        topic,
        payload: restoredPayload(payload),
        qos,
        retain: true,
        dup: false,
        ...toProperties(device, time),
      })
    },
  }
}

function toKept({ properties = {}, ...packet }: PublishPacket): PublishPacket {
  const payload = ownPayload(packet.payload)
  return { ...packet, payload, ...toProperties(...stampOf({ properties })) }
}

function publisherOf(packet: PublishPacket): string | null {
  return stampOf(packet)[0]
}
