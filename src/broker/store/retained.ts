import { createTopicTrie } from '../../topic/trie.ts'
import { createPace } from '../../turns/pace.ts'
import type { Delivery } from '../broker.ts'
import type { Change, LogRow } from './changes.ts'
import { byteLength, fromRow, ownMessage } from './columns.ts'
import type { MessageLog } from './log.ts'
import type { StoreContext } from './store-context.ts'

/** Steps through the topics in one turn of the event loop, all walks together: well under a millisecond. */
const STEPS_EACH_TURN = 256

export type Retained = ReturnType<typeof createRetained>

/** The last message of each topic that was published to be retained, as long as it has not expired. */
export function createRetained({ journal, limits, onBound, now }: StoreContext) {
  const topics = createTopicTrie<Delivery>()
  // topics whose message expires
  const expiring = new Set<string>()
  const pace = createPace(STEPS_EACH_TURN)
  // topics with changes on their way to the journal, which must be applied before any later one
  const underway = new Map<string, { changes: number; latest: Delivery | null }>()
  let bytes = 0
  /** By the device that published them. */
  const bytesOf = new Map<string | null, number>()

  /**
   * Keeps a message or, without a payload, removes the one before [MQTT-3.3.1-10]. `append` stores the change, with the
   * message and whatever else there is to store of it. Where nothing is promised, as with QoS 0, it does not wait as long as `log`
   * has room for it.
   */
  async function store(
    message: Delivery,
    append: (changes: Change[]) => Promise<unknown>,
    log: Pick<MessageLog, 'note' | 'hasRoom' | 'leaveOut' | 'toChange'>,
    isPromised: boolean,
  ): Promise<void> {
    const { topic, sequence } = message
    // where there is no room for the new one the old one goes too: it is not the last one any more
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
        // the file is not to hold an older one for the last one
        if (underway.has(topic) || topics.get(topic) !== (kept ?? undefined)) return
        if (kept) journal.later(`retained ${topic}`, log.toChange(kept), change)
        else journal.later(`retained ${topic}`, change)
      })
      return
    }
    const ours = earlier ?? { changes: 0, latest: null }
    ours.changes += 1
    ours.latest = kept
    underway.set(topic, ours)
    const stored = append([change])
      .then(() => apply(topic, kept))
      .finally(() => {
        ours.changes -= 1
        if (ours.changes === 0) underway.delete(topic)
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

  /** Each retained message that any of the filters covers, once, with a pause for everybody else in between. */
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
    /** The latest on `topic`, even while it is on its way to the journal. */
    latest(topic: string): Delivery | undefined {
      const changing = underway.get(topic)
      const message = changing ? (changing.latest ?? undefined) : topics.get(topic)
      return message && isExpired(message) ? undefined : message
    },
    covered,
    /** Keeps a message that somebody else stores, without a number in the log; where there is no room the one before goes. */
    mirror(message: Omit<Delivery, 'sequence'>): void {
      const delivery = { ...message, sequence: 0 }
      apply(message.topic, hasRoom(delivery) ? ownMessage(delivery) : null)
    },
    remove: (topic: string) => apply(topic, null),
    /** Removes what has expired. */
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
