import type { Qos } from '../../topic/message.ts'
import type { Delivery } from '../broker.ts'
import type { Cohort } from '../routing.ts'
import type { Match, Session } from '../session.ts'
import { createAbsent } from './absent.ts'
import { type Bundle, changesOf, createBundles } from './bundles.ts'
import { createRestoredBundles } from './bundles-restored.ts'
import type { Change, Changes } from './changes.ts'
import type { QueueEntry } from './queue.ts'
import type { Sessions } from './sessions.ts'
import { createSharedMessages, type SharedMessage } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

/** A session that is to get a message, and how. */
export interface Recipient {
  readonly match: Match
  /** What the message's QoS and the session's subscriptions come to. */
  readonly qos: 1 | 2
  readonly retain: boolean
}

/** What gets into the queues of stored sessions, within bounds, and what is taken out of them again. */
export function createQueueing(context: StoreContext, sessions: Sessions) {
  const { journal, limits, onBound, now, ids } = context
  const messages = createSharedMessages()
  const bundles = createBundles(context, messages)
  const absent = createAbsent(context, sessions, bundles, makeRoom)
  const restored = createRestoredBundles(ids, sessions, messages, bundles)

  /**
   * Queues one copy for each receiver, and each member of the cohorts, that has room and stores `changes` in the same step;
   * resolves, to how many of the receivers had room, once all are stored, and rejects when none is. The message itself is in the
   * log, or among the changes.
   */
  async function enqueue(
    message: Delivery,
    receivers: readonly Recipient[],
    changes: Change[],
    cohorts: readonly Cohort[] = [],
  ): Promise<number> {
    const { places, packed } = findRoom(message, receivers, cohorts)
    for (const [session, entry] of places) changes.push(enqueueChange(session, entry))
    for (const bundle of packed) changes.push(...changesOf(bundle))
    if (changes.length === 0) return 0
    try {
      await journal.append(changes)
    } catch (error) {
      for (const [session, entry] of places) {
        letGo(entry)
        session.queue.remove(entry)
      }
      for (const bundle of packed) absent.undo(bundle)
      throw error
    }
    for (const bundle of packed) absent.settle(bundle)
    for (const [session, entry] of places) {
      // what was discarded with its session meanwhile stays so
      if (session.isClosed) continue
      session.queue.admit(entry)
      makeRoom(session)
    }
    return places.length
  }

  function findRoom(
    message: Delivery,
    receivers: readonly Recipient[],
    cohorts: readonly Cohort[],
  ): { places: [Session, QueueEntry][]; packed: Bundle[] } {
    if (receivers.length + cohorts.length === 0) return { places: [], packed: [] }
    const shared = messages.create(message)
    if (messages.bytes + shared.bytes > limits.totalBytes) {
      const members = cohorts.reduce((sum, { matches }) => sum + matches.length, 0)
      onBound('total_bytes', receivers.length + members)
      return { places: [], packed: [] }
    }
    const packed: Bundle[] = []
    const others = [...receivers]
    for (const cohort of cohorts) {
      const bundle = pack(shared, cohort, others)
      if (bundle) packed.push(bundle)
    }
    return { places: findPlaces(shared, others), packed }
  }

  /** A bundle for those who are away; the rest of the cohort is added to `others`. */
  function pack(shared: SharedMessage, cohort: Cohort, others: Recipient[]): Bundle | null {
    const { retainAsPublished, identifiers, matches } = cohort
    const qos = Math.min(cohort.qos, shared.message.qos) as 1 | 2
    const retain = retainAsPublished && shared.message.retain
    const bytes = entryBytes(shared.bytes, identifiers)
    // what a queue refuses is found out for each
    const isEach = limits.whenFull === 'refuse' || bytes > limits.queueBytes
    const { audience, apart } = isEach
      ? { audience: null, apart: matches }
      : absent.membersOf(cohort)
    for (const match of apart) others.push({ match, qos, retain })
    return audience && absent.put(shared, audience, { qos, retain, identifiers, bytes })
  }

  function findPlaces(
    shared: SharedMessage,
    receivers: readonly Recipient[],
  ): [Session, QueueEntry][] {
    const places: [Session, QueueEntry][] = []
    for (const receiver of receivers) {
      const { session } = receiver.match
      const entry = toEntry(receiver, shared.message, shared.bytes, shared)
      const { bytes } = entry
      if (session.isClosed || !hasShare(session, bytes) || !mayTake(session, bytes)) continue
      session.queue.reserve(entry)
      messages.addHolder(shared)
      places.push([session, entry])
    }
    return places
  }

  function toEntry(
    { match, qos, retain }: Recipient,
    message: Delivery | null,
    messageBytes: number,
    shared: SharedMessage | null,
  ): QueueEntry {
    const { identifiers, group } = match
    const id = ids.next()
    return {
      id,
      qos,
      retain,
      // not those of a message that is not sent again: each entry can have thousands
      identifiers: message === null ? null : identifiers,
      group,
      message,
      shared,
      bundle: null,
      since: now(),
      bytes: message === null ? 0 : entryBytes(messageBytes, identifiers),
      packetId: 0,
      isReleased: false,
      isMoving: false,
    }
  }

  /** One device's sessions do not take all of what there is for everybody's. */
  function hasShare({ owner }: Session, bytes: number): boolean {
    if (owner.bytes + bytes <= limits.totalBytesPerDevice) return true
    onBound('total_bytes', 1)
    return false
  }

  function mayTake(session: Session, bytes: number): boolean {
    const { queue } = session
    const isFull =
      queue.length() >= limits.queueMessages || queue.bytes() + bytes > limits.queueBytes
    // what has expired goes first
    if (isFull) expire(session)
    const refuses = limits.whenFull === 'refuse'
    if (refuses && queue.length() >= limits.queueMessages) onBound('queue_messages', 1)
    else if ((refuses ? queue.bytes() : 0) + bytes > limits.queueBytes) onBound('queue_bytes', 1)
    else return true
    return false
  }

  /** Only what was not sent can go: the rest is in the hands of its receiver. */
  function makeRoom(session: Session): void {
    const { queue } = session
    for (;;) {
      const tooMany = queue.length() > limits.queueMessages
      const oldest = tooMany || queue.bytes() > limits.queueBytes ? oldestOf(session) : undefined
      if (!oldest) return
      discardOldest(session, oldest)
      onBound(tooMany ? 'queue_messages' : 'queue_bytes', 1)
    }
  }

  /** Of its part of the message: a bundle holds that for all its copies. */
  function letGo({ shared, message, bundle }: QueueEntry): void {
    if (shared && message && !bundle) messages.removeHolder(shared)
  }

  /** The oldest that was never sent. */
  function oldestOf(session: Session): QueueEntry | Bundle | undefined {
    const entry = session.queue.oldestUnsent()
    const bundle = absent.oldest(session)
    return entry && (!bundle || entry.id < bundle.id) ? entry : bundle
  }

  function discardOldest(session: Session, oldest: QueueEntry | Bundle): void {
    if (!('audience' in oldest)) {
      discard(session, oldest)
      return
    }
    absent.dropOldest(session, oldest)
  }

  function discard({ queue, isStored }: Session, entry: QueueEntry): void {
    const { id, bundle } = entry
    letGo(entry)
    queue.remove(entry)
    if (bundle) {
      journal.later(`queue ${id}`, ['takeCopy', id])
      bundles.drop(bundle)
    } else if (isStored) journal.later(`queue ${id}`, ['dequeue', id])
  }

  /** Whether the entry's message is past its time: its publisher's or, if it was never sent, this store's. */
  function isPast({ message, shared, packetId, since }: QueueEntry | Bundle): boolean {
    if (message === null) return false
    if (message.expires !== null && message.expires <= now()) return true
    return packetId === 0 && shared !== null && now() - since >= limits.messageExpiry
  }

  /** Takes out what has waited too long to be sent. */
  function expire(session: Session): void {
    const { queue } = session
    let count = 0
    for (const entry of queue.expired(now())) {
      discard(session, entry)
      count += 1
    }
    for (;;) {
      const oldest = oldestOf(session)
      if (!oldest || !isPast(oldest)) break
      discardOldest(session, oldest)
      count += 1
    }
    if (count > 0) onBound('message_expired', count)
  }

  return {
    messages,
    enqueue,
    discard,
    /** What a new subscription brings may fill a queue to the half: the other one is for what is live. */
    hasRoomForRetained({ queue }: Session): boolean {
      const length = queue.length()
      const bytes = queue.bytes()
      return length === 0 || (length * 2 < limits.queueMessages && bytes * 2 < limits.queueBytes)
    },
    /** Puts a copy into the queue of a session that ends with its connection. */
    push(session: Session, message: Delivery, receiver: Recipient, bytes: number): void {
      session.queue.admit(toEntry(receiver, message, bytes, null))
    },
    /** As `push` and `sent`, for a message that does not have to wait; null for one that nobody else can get. */
    pushSent(
      session: Session,
      message: Delivery | null,
      receiver: Recipient,
      bytes: number,
    ): QueueEntry {
      const entry = toEntry(receiver, message, bytes, null)
      if (message) session.queue.admit(entry)
      session.queue.sent(entry)
      return entry
    },
    /** The next message to send; what is past its time is dropped and counted on the way. */
    next(session: Session): QueueEntry | undefined {
      for (;;) {
        const entry = session.queue.next()
        if (!entry || !isPast(entry)) return entry
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
      // nobody comes back for it
      if (!session.isStored && !entry.group) session.queue.dropMessage(entry)
    },
    /** PUBREC came: the message is the receiver's, and the PUBREL is left. */
    release(session: Session, entry: QueueEntry): void {
      letGo(entry)
      session.queue.dropMessage(entry)
      entry.isReleased = true
      if (entry.bundle) journal.later(`queue ${entry.id}`, enqueueChange(session, entry))
      else if (session.isStored)
        journal.later(`queue ${entry.id}`, ['released', entry.packetId, entry.id])
    },
    expire,
    discardAll(session: Session): void {
      for (const entry of session.queue.all()) discard(session, entry)
      absent.dropAll(session)
    },
    /** The client is back: what waits for it is to be sent, what was sent and not acknowledged first. */
    resume(session: Session): void {
      absent.storeFloor(session)
      absent.unpack(session)
      session.queue.rewind()
    },
    unpack: absent.unpack,
    /** Drops what waits in bundles and is past its time. */
    expireBundles(): void {
      const copies = absent.expire(isPast)
      if (copies > 0) onBound('message_expired', copies)
    },
    storeFloors(): void {
      for (const session of sessions.all()) absent.storeFloor(session)
    },
    restoreAudience: restored.audience,
    restoreBundle(
      ...[id, , audience, message, qos, retain, identifiers, since]: Changes['bundle']
    ) {
      const list: number[] | null = identifiers === null ? null : JSON.parse(identifiers)
      const bytes = entryBytes(messages.restored(message)?.bytes ?? 0, list)
      restored.bundle(
        {
          id,
          qos: qos as 1 | 2,
          retain: retain === 1,
          identifiers: list,
          since,
          bytes,
          packetId: 0,
          left: 0,
          isStored: true,
          isCounted: true,
          early: new Map(),
        },
        audience,
        message,
      )
    },
    endRestore(): void {
      restored.end()
      messages.endRestore()
      // what was dropped since they left
      for (const session of sessions.all()) makeRoom(session)
    },
    restore(
      id: number,
      sessionId: number | null,
      messageId: number | null,
      qos: Qos,
      packetId: number | null,
      retain: 0 | 1,
      identifiers: string | null,
      since: number,
    ): void {
      ids.passed(id)
      const bundle = restored.setApart(id)
      const session = sessionId === null ? undefined : sessions.numbered(sessionId)
      const shared = messageId === null ? undefined : messages.restored(messageId)
      // left over from changes that nobody waited for
      if (!session || (messageId !== null && !shared)) return
      if (bundle) bundle.left += 1
      else if (shared) messages.addHolder(shared)
      const list: number[] | null = identifiers === null ? null : JSON.parse(identifiers)
      session.queue.admit({
        id,
        qos: qos as 1 | 2,
        retain: retain === 1,
        identifiers: list,
        group: null,
        message: shared?.message ?? null,
        shared: shared ?? null,
        bundle,
        since,
        bytes: shared ? entryBytes(shared.bytes, list) : 0,
        packetId: packetId ?? 0,
        isReleased: messageId === null,
        isMoving: false,
      })
    },
  }
}

/** Of the message, and of the identifiers of the subscriptions that ask for it: a session can have thousands that overlap. */
function entryBytes(messageBytes: number, identifiers: readonly number[] | null): number {
  return messageBytes + (identifiers === null ? 0 : identifiers.length * IDENTIFIER_BYTES)
}

const IDENTIFIER_BYTES = 8

function enqueueChange(session: Session, entry: QueueEntry): Change {
  const { id, shared, qos, packetId, isReleased, retain, identifiers, since } = entry
  const list = identifiers === null ? null : JSON.stringify(identifiers)
  return [
    'enqueue',
    id,
    session.id,
    isReleased ? null : (shared?.message.sequence ?? null),
    qos,
    packetId === 0 ? null : packetId,
    retain ? 1 : 0,
    list,
    since,
  ]
}
