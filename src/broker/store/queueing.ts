import type { Delivery } from '../delivery.ts'
import type { Session } from '../session.ts'
import { createAwayBundles } from './away-bundles.ts'
import { createAwayCopies } from './away-copies.ts'
import { createBundles } from './bundles.ts'
import { createEnqueueing } from './enqueueing.ts'
import { createEviction } from './eviction.ts'
import { createEntry, enqueueChange, type QueueRecipient } from './queue-entry.ts'
import { createQueueRestore } from './queue-restore.ts'
import type { QueueEntry } from './queue-types.ts'
import type { Sessions } from './sessions.ts'
import { createSharedMessages } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

/** The messages that wait for MQTT sessions, in memory and in the journal. */
export function createQueueing(context: StoreContext, sessions: Sessions) {
  const { journal, limits, onBound, ids } = context
  const messages = createSharedMessages()
  const bundles = createBundles(context, messages)
  const eviction = createEviction(context, messages, bundles)
  const { discard, releaseMessage, isExpired, makeRoom } = eviction
  const away = createAwayCopies(context, bundles, makeRoom)
  const awayBundles = createAwayBundles(context, sessions, bundles, makeRoom)
  const restoring = createQueueRestore(ids, sessions, messages, bundles)

  return {
    messages,
    enqueue: createEnqueueing(context, messages, awayBundles, eviction),
    discard,
    /** Retained messages for a new subscription fill at most half of a queue: the other half is for live messages. */
    hasRoomForRetained({ queue }: Session): boolean {
      const length = queue.length()
      const bytes = queue.bytes()
      return (
        length === 0 ||
        (length * 2 < limits.messagesPerSession && bytes * 2 < limits.bytesPerSession)
      )
    },
    /** Queues a copy for a session that ends with its connection. */
    push(session: Session, message: Delivery, recipient: QueueRecipient, bytes: number): void {
      session.queue.admit(createEntry(context, recipient, message, bytes, null))
    },
    /** As `push` and `sent`, for a message that can be sent at once; `message` is null if no other session can get it. */
    pushSent(
      session: Session,
      message: Delivery | null,
      recipient: QueueRecipient,
      bytes: number,
    ): QueueEntry {
      const entry = createEntry(context, recipient, message, bytes, null)
      session.queue.admitSent(entry)
      return entry
    },
    /** The next message to send. Drops and counts expired ones before it. */
    next(session: Session): QueueEntry | undefined {
      for (;;) {
        const entry = session.queue.next()
        if (!entry || !isExpired(entry)) return entry
        discard(session, entry)
        onBound('message_expired', 1)
      }
    },
    /** Counts an entry as sent. Its packet identifier is on disk once `journal.append` resolves. */
    sent(session: Session, entry: QueueEntry): void {
      const isNew = entry.packetId === 0
      session.queue.sent(entry)
      if (isNew && entry.bundle) journal.later(`queue ${entry.id}`, enqueueChange(session, entry))
      else if (isNew && session.isStored)
        journal.later(`queue ${entry.id}`, ['sent', entry.packetId, entry.id])
      // no other session can get it
      if (!session.isStored && entry.sharedName === null) session.queue.dropMessage(entry)
    },
    /** A PUBREC came: the receiver has the message, and only the PUBREL is left to send. */
    release(session: Session, entry: QueueEntry): void {
      releaseMessage(entry)
      session.queue.dropMessage(entry)
      entry.isReleased = true
      if (entry.bundle) journal.later(`queue ${entry.id}`, enqueueChange(session, entry))
      else if (session.isStored)
        journal.later(`queue ${entry.id}`, ['released', entry.packetId, entry.id])
    },
    expire: eviction.expire,
    discardAll(session: Session): void {
      for (const entry of session.queue.all()) discard(session, entry)
      away.dropAll(session)
    },
    /** The client is back: unacknowledged messages are sent again first, then those that wait. */
    resume(session: Session): void {
      away.storeFloor(session)
      away.unpack(session)
      session.queue.rewind()
    },
    unpack: away.unpack,
    /** Drops and counts the expired messages of sessions that are away. */
    expireBundles(): void {
      const copies = awayBundles.expire(isExpired)
      if (copies > 0) onBound('message_expired', copies)
    },
    storeFloors(): void {
      for (const session of sessions.all()) away.storeFloor(session)
    },
    restoreAudience: restoring.audience,
    restoreBundle: restoring.bundle,
    restoreEntry: restoring.entry,
    endRestore(): void {
      restoring.end()
      // drops again what had no room while the sessions were away
      for (const session of sessions.all()) makeRoom(session)
    },
  }
}
