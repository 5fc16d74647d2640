import { createTopicTrie } from '../../topic/trie.ts'
import { createPace } from '../../turns/pace.ts'
import type { Delivery } from '../delivery.ts'
import type { Change, LogRow } from './changes.ts'
import { byteLength, fromRow, ownMessage, toAppend } from './columns.ts'
import type { MessageLog } from './log.ts'
import type { StoreContext } from './store-context.ts'

/** Steps through the topics in one turn of the event loop, for all walks together: well under a millisecond. */
const STEPS_EACH_TURN = 256

export type Retained = ReturnType<typeof createRetained>

/** The latest retained message of each topic, until it expires. */
export function createRetained({ journal, limits, onBound, now }: StoreContext) {
  const topics = createTopicTrie<Delivery>()
  // topics whose message can expire
  const expiring = new Set<string>()
  const pace = createPace(STEPS_EACH_TURN)
  // topics with changes that are being stored; they must be applied before any later change
  const underway = new Map<string, { changes: number; latest: Delivery | null }>()
  let bytes = 0
  /** By publishing device. */
  const bytesOf = new Map<string | null, number>()

  /**
   * Keeps a message or, if it has no payload, removes the one before [MQTT-3.3.1-10]. `append` stores the change, together with
   * the message and all else that belongs to it. A message without a promise of storage, such as QoS 0, does not wait for that
   * while `log` has room for it.
   */
  async function store(
    message: Delivery,
    append: (changes: Change[]) => Promise<unknown>,
    log: Pick<MessageLog, 'note' | 'hasRoom' | 'leaveOut'>,
    isPromised: boolean,
  ): Promise<void> {
    const { topic, sequence } = message
    // if there is no room for the new message, the old one is removed too, as it is not the latest any more
    const kept = message.payload.length > 0 && hasRoom(message) ? ownMessage(message) : null
    const earlier = underway.get(topic)
    if (!kept && !earlier && !topics.get(topic)) {
      if (isPromised) await append([])
      else log.note(message)
      return
    }
    const change: Change = kept ? ['retain', topic, sequence] : ['unretain', topic]
    if (!isPromised && !earlier && log.hasRoom()) {
      apply(topic, kept)
      log.note(message, change, () => {
        // otherwise a restart would restore an older message as the latest
        if (underway.has(topic) || topics.get(topic) !== (kept ?? undefined)) return
        if (kept) journal.later(`retained ${topic}`, toAppend(kept), change)
        else journal.later(`retained ${topic}`, change)
      })
      return
    }
    const pending = earlier ?? { changes: 0, latest: null }
    pending.changes += 1
    pending.latest = kept
    underway.set(topic, pending)
    const stored = append([change])
      .then(() => apply(topic, kept))
      .finally(() => {
        pending.changes -= 1
        if (pending.changes === 0) underway.delete(topic)
      })
    await (isPromised ? stored : stored.catch(() => log.leaveOut(sequence)))
  }

  function hasRoom(message: Delivery): boolean {
    const before = topics.get(message.topic)
    if (!before && topics.size >= limits.retainedMessages) {
      onBound('retained_messages', 1)
      return false
    }
    const freed = before ? byteLength(before) : 0
    const ownFreed = before?.device === message.device ? freed : 0
    const all = bytes - freed + byteLength(message)
    const own = (bytesOf.get(message.device) ?? 0) - ownFreed + byteLength(message)
    if (all <= limits.retainedBytes && own <= limits.retainedBytesPerDevice) return true
    onBound('retained_bytes', 1)
    return false
  }

  function count(message: Delivery, by: number): void {
    bytes += by
    const own = (bytesOf.get(message.device) ?? 0) + by
    if (own === 0) bytesOf.delete(message.device)
    else bytesOf.set(message.device, own)
  }

  function apply(topic: string, kept: Delivery | null): void {
    const before = topics.get(topic)
    if (before) count(before, -byteLength(before))
    if (kept) count(kept, byteLength(kept))
    if (kept) topics.set(topic, kept)
    else topics.delete(topic)
    if (kept && kept.expires !== null) expiring.add(topic)
    else expiring.delete(topic)
  }

  function isExpired(message: Delivery): boolean {
    return message.expires !== null && message.expires <= now()
  }

  /** The retained messages that any filter covers, each once, with pauses for other work. */
  async function* covered(filters: readonly string[]): AsyncGenerator<Delivery> {
    for (const message of topics.covered(filters)) {
      while (!pace.take()) await pace.turn()
      if (message && !isExpired(message)) yield message
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
    /** The latest message on `topic`, even while it is being stored. */
    latest(topic: string): Delivery | undefined {
      const changing = underway.get(topic)
      const message = changing ? (changing.latest ?? undefined) : topics.get(topic)
      return message && isExpired(message) ? undefined : message
    },
    covered,
    /**
     * Keeps a message that is stored elsewhere, without a number in the log; if there is no room, the one before is removed.
     */
    mirror(message: Omit<Delivery, 'sequence'>): void {
      const delivery = { ...message, sequence: 0 }
      apply(message.topic, hasRoom(delivery) ? ownMessage(delivery) : null)
    },
    remove: (topic: string) => apply(topic, null),
    /** Removes expired messages. */
    expire(): void {
      for (const topic of expiring) {
        const message = topics.get(topic)
        if (!message || !isExpired(message) || underway.has(topic)) continue
        journal.later(`retained ${topic}`, ['unretain', topic])
        apply(topic, null)
      }
    },
    restore(...row: LogRow): void {
      const message = fromRow(...row)
      apply(message.topic, message)
    },
  }
}
