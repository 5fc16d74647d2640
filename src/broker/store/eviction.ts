import { oldestBundle } from './away-copies.ts'
import type { Bundles } from './bundles.ts'
import type { Bundle, QueuedSession, QueueEntry } from './queue-types.ts'
import type { SharedMessages } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

export type Eviction = ReturnType<typeof createEviction>

/** Takes messages out of queues: when they are done, have expired, or make room for newer ones. */
export function createEviction(
  { journal, limits, onBound, now }: StoreContext,
  messages: SharedMessages,
  bundles: Bundles,
) {
  /** Drops the oldest messages until the queue is within its limits; a message that was sent stays. */
  function makeRoom(session: QueuedSession): void {
    const { queue } = session
    for (;;) {
      const tooMany = queue.length() > limits.messagesPerSession
      const oldest =
        tooMany || queue.bytes() > limits.bytesPerSession ? oldestOf(session) : undefined
      if (!oldest) return
      discardOldest(session, oldest)
      onBound(tooMany ? 'queue_messages' : 'queue_bytes', 1)
    }
  }

  /** The entry no longer needs the message. A bundle, not its copies, holds the message. */
  function releaseMessage({ shared, message, bundle }: QueueEntry): void {
    if (shared && message && !bundle) messages.removeHolder(shared)
  }

  /** The oldest message that was never sent. */
  function oldestOf(session: QueuedSession): QueueEntry | Bundle | undefined {
    const entry = session.queue.oldestUnsent()
    const bundle = oldestBundle(session)
    return entry && (!bundle || entry.id < bundle.id) ? entry : bundle
  }

  function discardOldest(session: QueuedSession, oldest: QueueEntry | Bundle): void {
    if ('audience' in oldest) dropCopy(session, oldest)
    else discard(session, oldest)
  }

  /** Drops the oldest copy in bundles. That is stored when the session comes back, or with the removal of the bundle. */
  function dropCopy({ away, queue }: QueuedSession, bundle: Bundle): void {
    away.takenUpTo = bundle.id
    away.floor = bundle.id + 1
    if (bundle.isCounted) queue.count(-1, -bundle.bytes)
    bundles.drop(bundle)
  }

  function discard({ queue, isStored }: QueuedSession, entry: QueueEntry): void {
    const { id, bundle } = entry
    releaseMessage(entry)
    queue.remove(entry)
    if (bundle) {
      journal.later(`queue ${id}`, ['takeCopy', id])
      bundles.drop(bundle)
    } else if (isStored) journal.later(`queue ${id}`, ['dequeue', id])
  }

  /** Whether the message has expired: by its publisher's interval or, if it was never sent, by the store's. */
  function isExpired({ message, shared, packetId, since }: QueueEntry | Bundle): boolean {
    if (message === null) return false
    if (message.expires !== null && message.expires <= now()) return true
    return packetId === 0 && shared !== null && now() - since >= limits.messageExpiryMs
  }

  /** Drops and counts the expired messages of a session. */
  function expire(session: QueuedSession): void {
    const { queue } = session
    let count = 0
    for (const entry of queue.expired(now())) {
      discard(session, entry)
      count += 1
    }
    for (;;) {
      const oldest = oldestOf(session)
      if (!oldest || !isExpired(oldest)) break
      discardOldest(session, oldest)
      count += 1
    }
    if (count > 0) onBound('message_expired', count)
  }

  return { makeRoom, releaseMessage, discard, isExpired, expire }
}
