import type { Qos } from '../../topic/message.ts'
import type { Delivery } from '../broker.ts'
import type { Match, Session } from '../session.ts'
import type { Change } from './changes.ts'
import type { Ground } from './ground.ts'
import { createMessages, type Held } from './messages.ts'
import type { Entry } from './queue.ts'
import type { Sessions } from './sessions.ts'

/** A session that is to get a message, and how. */
export interface Receiver {
  readonly match: Match
  /** What the message's QoS and the session's subscriptions come to. */
  readonly qos: 1 | 2
  readonly retain: boolean
}

/** What gets into the queues of stored sessions, within bounds, and what is taken out of them again. */
export function createQueueing(ground: Ground, sessions: Sessions) {
  const { journal, limits, onBound, now, ids } = ground
  const messages = createMessages()

  /**
   * Queues one copy for each receiver that has room and stores `changes` in the same step; resolves, to how many had room,
   * once all are stored, and rejects when none is. The message itself is in the log, or among the changes.
   */
  async function enqueue(
    message: Delivery,
    receivers: readonly Receiver[],
    changes: Change[],
  ): Promise<number> {
    const places = receivers.length > 0 ? findPlaces(messages.create(message), receivers) : []
    for (const [session, entry] of places) changes.push(enqueueChange(session, entry))
    if (changes.length === 0) return 0
    try {
      await journal.append(changes)
    } catch (error) {
      for (const [session, entry] of places) {
        if (entry.held && entry.message) messages.letGo(entry.held)
        session.queue.remove(entry)
      }
      throw error
    }
    for (const [session, entry] of places) {
      // what was discarded with its session meanwhile stays so
      if (session.isClosed) continue
      session.queue.admit(entry)
      makeRoom(session)
    }
    return places.length
  }

  function findPlaces(held: Held, receivers: readonly Receiver[]): [Session, Entry][] {
    if (messages.bytes + held.bytes > limits.totalBytes) {
      onBound('total_bytes', receivers.length)
      return []
    }
    const places: [Session, Entry][] = []
    for (const receiver of receivers) {
      const { session } = receiver.match
      const entry = toEntry(receiver, held.message, held.bytes, held)
      const { bytes } = entry
      if (session.isClosed || !hasShare(session, bytes) || !mayTake(session, bytes)) continue
      session.queue.reserve(entry)
      messages.hold(held)
      places.push([session, entry])
    }
    return places
  }

  function toEntry(
    { match, qos, retain }: Receiver,
    message: Delivery | null,
    messageBytes: number,
    held: Held | null,
  ): Entry {
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
      held,
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
      const oldest = tooMany || queue.bytes() > limits.queueBytes ? queue.oldestUnsent() : undefined
      if (!oldest) return
      discard(session, oldest)
      onBound(tooMany ? 'queue_messages' : 'queue_bytes', 1)
    }
  }

  function discard({ queue, isStored }: Session, entry: Entry): void {
    if (entry.held && entry.message) messages.letGo(entry.held)
    queue.remove(entry)
    if (isStored) journal.later(`queue ${entry.id}`, ['dequeue', entry.id])
  }

  /** Whether the entry's message is past its time: its publisher's or, if it was never sent, this store's. */
  function isPast({ message, held, packetId, since }: Entry): boolean {
    if (message === null) return false
    if (message.expires !== null && message.expires <= now()) return true
    return packetId === 0 && held !== null && now() - since >= limits.messageExpiry
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
      const oldest = queue.oldestUnsent()
      if (!oldest || !isPast(oldest)) break
      discard(session, oldest)
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
    push(session: Session, message: Delivery, receiver: Receiver, bytes: number): void {
      session.queue.admit(toEntry(receiver, message, bytes, null))
    },
    /** As `push` and `sent`, for a message that does not have to wait; null for one that nobody else can get. */
    pushSent(session: Session, message: Delivery | null, receiver: Receiver, bytes: number): Entry {
      const entry = toEntry(receiver, message, bytes, null)
      if (message) session.queue.admit(entry)
      session.queue.sent(entry)
      return entry
    },
    /** The next message to send; what is past its time is dropped and counted on the way. */
    next(session: Session): Entry | undefined {
      for (;;) {
        const entry = session.queue.next()
        if (!entry || !isPast(entry)) return entry
        discard(session, entry)
        onBound('message_expired', 1)
      }
    },
    /** Counts an entry as sent. Its packet identifier is on disk once `journal.append` resolves. */
    sent(session: Session, entry: Entry): void {
      const isNew = entry.packetId === 0
      session.queue.sent(entry)
      if (isNew && session.isStored)
        journal.later(`queue ${entry.id}`, ['sent', entry.packetId, entry.id])
      // nobody comes back for it
      if (!session.isStored && !entry.group) session.queue.dropMessage(entry)
    },
    /** PUBREC came: the message is the receiver's, and the PUBREL is left. */
    release(session: Session, entry: Entry): void {
      if (entry.held && entry.message) messages.letGo(entry.held)
      session.queue.dropMessage(entry)
      entry.isReleased = true
      if (session.isStored)
        journal.later(`queue ${entry.id}`, ['released', entry.packetId, entry.id])
    },
    expire,
    discardAll(session: Session): void {
      for (const entry of session.queue.all()) discard(session, entry)
    },
    restore(
      id: number,
      sessionId: number,
      messageId: number | null,
      qos: Qos,
      packetId: number | null,
      retain: 0 | 1,
      identifiers: string | null,
      since: number,
    ): void {
      ids.passed(id)
      const session = sessions.numbered(sessionId)
      const held = messageId === null ? undefined : messages.restored(messageId)
      // left over from changes that nobody waited for
      if (!session || (messageId !== null && !held)) return
      if (held) messages.hold(held)
      const list: number[] | null = identifiers === null ? null : JSON.parse(identifiers)
      session.queue.admit({
        id,
        qos: qos as 1 | 2,
        retain: retain === 1,
        identifiers: list,
        group: null,
        message: held?.message ?? null,
        held: held ?? null,
        since,
        bytes: held ? entryBytes(held.bytes, list) : 0,
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

function enqueueChange(session: Session, entry: Entry): Change {
  const { id, held, qos, retain, identifiers, since } = entry
  const list = identifiers === null ? null : JSON.stringify(identifiers)
  return [
    'enqueue',
    id,
    session.id,
    held?.message.sequence ?? null,
    qos,
    null,
    retain ? 1 : 0,
    list,
    since,
  ]
}
