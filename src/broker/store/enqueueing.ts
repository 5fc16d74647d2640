import type { Cohort } from '../cohorts.ts'
import type { Delivery } from '../delivery.ts'
import type { Session } from '../session.ts'
import type { AwayBundles } from './away-bundles.ts'
import { changesOf } from './bundles.ts'
import type { Change } from './changes.ts'
import type { Eviction } from './eviction.ts'
import { createEntry, enqueueChange, entryBytes, type QueueRecipient } from './queue-entry.ts'
import type { Bundle, QueueEntry } from './queue-types.ts'
import type { SharedMessage, SharedMessages } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

/** Puts messages into the queues of stored sessions, within the limits. */
export function createEnqueueing(
  context: StoreContext,
  messages: SharedMessages,
  awayBundles: AwayBundles,
  eviction: Eviction,
) {
  const { journal, limits, onBound } = context

  function findRoom(
    message: Delivery,
    recipients: readonly QueueRecipient[],
    cohorts: readonly Cohort[],
  ): { places: [Session, QueueEntry][]; bundles: Bundle[] } {
    if (recipients.length + cohorts.length === 0) return { places: [], bundles: [] }
    const shared = messages.create(message)
    if (messages.bytes + shared.bytes > limits.queuedBytes) {
      const members = cohorts.reduce((sum, { matches }) => sum + matches.length, 0)
      onBound('total_bytes', recipients.length + members)
      return { places: [], bundles: [] }
    }
    const bundles: Bundle[] = []
    const others = [...recipients]
    for (const cohort of cohorts) {
      const bundle = pack(shared, cohort, others)
      if (bundle) bundles.push(bundle)
    }
    return { places: findPlaces(shared, others), bundles }
  }

  /** One bundle for the members that are away; adds the others to `others`. */
  function pack(shared: SharedMessage, cohort: Cohort, others: QueueRecipient[]): Bundle | null {
    const { retainAsPublished, identifiers, matches } = cohort
    const qos = Math.min(cohort.qos, shared.message.qos) as 1 | 2
    const retain = retainAsPublished && shared.message.retain
    const bytes = entryBytes(shared.bytes, identifiers)
    // whether a queue refuses the message has to be found out one by one
    const isOneByOne = limits.whenFull === 'refuse' || bytes > limits.bytesPerSession
    const { audience, apart } = isOneByOne
      ? { audience: null, apart: matches }
      : awayBundles.membersOf(cohort)
    for (const match of apart) others.push({ match, qos, retain })
    return audience && awayBundles.put(shared, audience, { qos, retain, identifiers, bytes })
  }

  function findPlaces(
    shared: SharedMessage,
    recipients: readonly QueueRecipient[],
  ): [Session, QueueEntry][] {
    const places: [Session, QueueEntry][] = []
    for (const recipient of recipients) {
      const { session } = recipient.match
      const entry = createEntry(context, recipient, shared.message, shared.bytes, shared)
      const { bytes } = entry
      if (session.isClosed || !hasShare(session, bytes) || !mayTake(session, bytes)) continue
      session.queue.reserve(entry)
      messages.addHolder(shared)
      places.push([session, entry])
    }
    return places
  }

  /** The sessions of one device must not take the memory that is for all. */
  function hasShare({ totals }: Session, bytes: number): boolean {
    if (totals.bytes + bytes <= limits.queuedBytesPerDevice) return true
    onBound('total_bytes', 1)
    return false
  }

  function mayTake(session: Session, bytes: number): boolean {
    const { queue } = session
    const isFull =
      queue.length() >= limits.messagesPerSession || queue.bytes() + bytes > limits.bytesPerSession
    // expired messages make room first
    if (isFull) eviction.expire(session)
    const refuses = limits.whenFull === 'refuse'
    if (refuses && queue.length() >= limits.messagesPerSession) onBound('queue_messages', 1)
    else if ((refuses ? queue.bytes() : 0) + bytes > limits.bytesPerSession)
      onBound('queue_bytes', 1)
    else return true
    return false
  }

  /**
   * Queues a copy for each recipient, and each member of the cohorts, that has room, and stores `changes` in the same commit. The
   * message itself is in the log already, or among the changes. Resolves to the number of recipients that had room; rejects when
   * nothing was stored.
   */
  return async function enqueue(
    message: Delivery,
    recipients: readonly QueueRecipient[],
    changes: Change[],
    cohorts: readonly Cohort[] = [],
  ): Promise<number> {
    const { places, bundles } = findRoom(message, recipients, cohorts)
    for (const [session, entry] of places) changes.push(enqueueChange(session, entry))
    for (const bundle of bundles) changes.push(...changesOf(bundle))
    if (changes.length === 0) return 0
    try {
      await journal.append(changes)
    } catch (error) {
      for (const [session, entry] of places) {
        eviction.releaseMessage(entry)
        session.queue.remove(entry)
      }
      for (const bundle of bundles) awayBundles.undo(bundle)
      throw error
    }
    for (const bundle of bundles) awayBundles.settle(bundle)
    for (const [session, entry] of places) {
      // a session that was closed meanwhile gets nothing
      if (session.isClosed) continue
      session.queue.admit(entry)
      eviction.makeRoom(session)
    }
    return places.length
  }
}
