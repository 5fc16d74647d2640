import type { Qos } from '../../topic/message.ts'
import type { Change } from './changes.ts'
import type { Ground } from './ground.ts'
import type { Incoming } from './incoming.ts'
import { createMessages, type Message, toChange } from './messages.ts'
import type { PublishPacket } from './packet.ts'
import type { Entry } from './queue.ts'
import type { Session, Sessions } from './sessions.ts'

/** A session that is to get a message, with the QoS of one of its filters; without one, the message's. */
export interface Receiver {
  readonly clientId: string
  readonly qos?: Qos
  /** It does not want what it published itself: a bridge. */
  readonly nl?: boolean
  /** It wants RETAIN as it was published: a bridge, too. */
  readonly rap?: boolean
}

/** How a session is to get a message. */
interface Wanted {
  readonly qos: Qos
  readonly retain: boolean
}

export type Queueing = ReturnType<typeof createQueueing>

/** What gets into the queues of sessions, within bounds, and what is taken out of them again. */
export function createQueueing(ground: Ground, sessions: Sessions, incoming: Incoming) {
  const { journal, limits, onBound, now, ids } = ground
  const messages = createMessages(ground)

  /** Queues one copy for each session; resolves once all are stored, and rejects when none is. */
  async function enqueue(receivers: Iterable<Receiver>, packet: PublishPacket): Promise<void> {
    await store(packet, wantedBy(receivers, packet), incoming.record(packet))
  }

  /** Queues what a new subscription brings its session, like `enqueue`. */
  async function enqueueRetained(client: string, packet: PublishPacket, qos: Qos): Promise<void> {
    const { topic, payload, properties } = packet
    const own = { topic, payload, qos, ...(properties && { properties }) }
    await store(own, new Map([[client, { qos, retain: true }]]), [])
  }

  async function store(
    packet: PublishPacket,
    wanted: ReadonlyMap<string, Wanted>,
    changes: Change[],
  ): Promise<void> {
    const places = wanted.size > 0 ? findPlaces(messages.create(packet), wanted) : []
    const message = places[0]?.[1].message
    if (message) changes.push(toChange(message))
    for (const [session, { id, qos, retain }] of places)
      changes.push(['enqueue', id, session.id, message?.id ?? null, qos, null, retain ? 1 : 0])
    if (changes.length === 0) return
    try {
      await journal.append(changes)
    } catch (error) {
      for (const [session, entry] of places) session.queue.remove(entry)
      if (message) messages.abandon(message)
      throw error
    }
    for (const [session, entry] of places) {
      // what was discarded with its session meanwhile stays so
      if (!sessions.isOpen(session)) continue
      session.queue.admit(entry)
      makeRoom(session)
    }
  }

  function findPlaces(message: Message, wanted: ReadonlyMap<string, Wanted>): [Session, Entry][] {
    if (messages.bytes + message.bytes > limits.totalBytes) {
      onBound('total_bytes', wanted.size)
      return []
    }
    const places: [Session, Entry][] = []
    for (const [client, { qos, retain }] of wanted) {
      const session = sessions.open(client)
      if (!session || !hasShare(session, message) || !mayTake(session, message)) continue
      const entry = { id: ids.next(), qos, retain, message, packetId: undefined, sentOn: 0 }
      session.queue.reserve(entry)
      messages.hold(message)
      places.push([session, entry])
    }
    return places
  }

  /** One device's sessions do not take all of what there is for everybody's. */
  function hasShare({ owner }: Session, message: Message): boolean {
    if (owner.bytes + message.bytes <= limits.totalBytesPerDevice) return true
    onBound('total_bytes', 1)
    return false
  }

  function mayTake({ queue }: Session, message: Message): boolean {
    const taken = limits.whenFull === 'refuse' ? queue : { length: 0, bytes: 0 }
    if (taken.length >= limits.queueMessages) onBound('queue_messages', 1)
    else if (taken.bytes + message.bytes > limits.queueBytes) onBound('queue_bytes', 1)
    else return true
    return false
  }

  /** Only what was not sent can go: the rest is in the hands of its receiver. */
  function makeRoom(session: Session): void {
    const { queue } = session
    for (;;) {
      const tooMany = queue.length > limits.queueMessages
      const oldest = tooMany || queue.bytes > limits.queueBytes ? queue.oldestUnsent() : undefined
      if (!oldest) return
      discard(session, oldest)
      onBound(tooMany ? 'queue_messages' : 'queue_bytes', 1)
    }
  }

  function discard({ queue }: Session, entry: Entry): void {
    queue.remove(entry)
    journal.later(`queue ${entry.id}`, ['dequeue', entry.id])
    if (entry.message) messages.letGo(entry.message)
  }

  /** Takes out what has waited too long to be sent. */
  function expire(session: Session): void {
    const since = now() - limits.messageExpiry
    let count = 0
    for (;;) {
      const oldest = session.queue.oldestUnsent()
      if (!oldest?.message || oldest.message.stored >= since) break
      discard(session, oldest)
      count += 1
    }
    if (count > 0) onBound('message_expired', count)
  }

  return {
    messages,
    enqueue,
    enqueueRetained,
    /** What a new subscription brings may fill a queue to the half: the other one is for what is live. */
    hasRoomForRetained({ queue }: Session): boolean {
      const { length, bytes } = queue
      return length === 0 || (length * 2 < limits.queueMessages && bytes * 2 < limits.queueBytes)
    },
    discard,
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
    ): void {
      ids.passed(id)
      const session = sessions.numbered(sessionId)
      const message = messageId === null ? undefined : messages.restored(messageId)
      // left over from changes that nobody waited for
      if (!session || (messageId !== null && !message)) return
      if (message) messages.hold(message)
      const sent = { packetId: packetId ?? undefined, sentOn: 0 }
      session.queue.admit({ id, qos, retain: retain === 1, message, ...sent })
    },
  }
}

/** Each client with the highest QoS of its matching filters [MQTT-3.3.5-1]; QoS 0 is not queued. */
function wantedBy(receivers: Iterable<Receiver>, packet: PublishPacket): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>()
  for (const { clientId, nl, rap, qos = packet.qos } of receivers) {
    if (nl && clientId === packet.clientId) continue
    const lowered = Math.min(qos, packet.qos) as Qos
    if (lowered > (wanted.get(clientId)?.qos ?? 0))
      wanted.set(clientId, { qos: lowered, retain: rap === true && packet.retain === true })
  }
  return wanted
}
