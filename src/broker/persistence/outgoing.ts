import type { Qos } from '../../topic/message.ts'
import type { Ground } from './ground.ts'
import type { Incoming } from './incoming.ts'
import { createMessages, type Message, messageChange } from './messages.ts'
import type { ClientRef, OutgoingPacket, PublishPacket } from './packet.ts'
import { type Entry, MAX_PACKET_ID } from './queue.ts'
import type { Session, Sessions } from './sessions.ts'

/** A session that is to get a message, with the QoS of one of its filters; without one, the message's. */
export interface Receiver {
  readonly clientId: string
  readonly qos?: Qos
}

/** The queues of QoS 1 and 2 messages for sessions, connected or not. */
export function createOutgoing(ground: Ground, sessions: Sessions, incoming: Incoming) {
  const { journal, limits, onBound, now, ids } = ground
  const messages = createMessages(ground)
  // a number for each connection, so that a message sent on an earlier one is known as a repetition
  const connections = new WeakMap<ClientRef, number>()
  let connectionCount = 0

  /** Queues one copy for each session; resolves once all are stored, and rejects when none is. */
  async function enqueue(receivers: Iterable<Receiver>, packet: PublishPacket): Promise<void> {
    const changes = incoming.arrivalOf(packet)
    const wanted = highestQos(receivers, packet.qos)
    const places = wanted.size > 0 ? findPlaces(messages.create(packet), wanted) : []
    const message = places[0]?.[1].message
    if (message) changes.push(messageChange(message))
    for (const [session, { id, qos }] of places)
      changes.push(['enqueue', id, session.id, message?.id ?? null, qos, null])
    if (changes.length === 0) return
    try {
      await journal.append(changes)
    } catch (error) {
      for (const [session, entry] of places) session.queue.remove(entry)
      if (message) messages.abandon(message)
      throw error
    }
    for (const [session, entry] of places) {
      if (!sessions.isOpen(session)) continue
      session.queue.admit(entry)
      makeRoom(session)
    }
  }

  function findPlaces(message: Message, wanted: Map<string, Qos>): [Session, Entry][] {
    if (messages.bytes + message.bytes > limits.totalBytes) {
      onBound('total_bytes', wanted.size)
      return []
    }
    const places: [Session, Entry][] = []
    for (const [client, qos] of wanted) {
      const session = sessions.open(client)
      if (!session || !mayTake(session, message)) continue
      const entry: Entry = { id: ids.next(), qos, message, packetId: undefined, sentOn: 0 }
      session.queue.reserve(entry)
      messages.hold(message)
      places.push([session, entry])
    }
    return places
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

  /** Notes that `packet` is about to be sent, and gives it what it has to be sent with. */
  async function update(client: ClientRef, packet: OutgoingPacket): Promise<void> {
    const queue = sessions.find(client.id)?.queue
    if (!queue) return
    if (packet.cmd === 'pubrel') {
      const entry = queue.byPacketId(packet.messageId)
      const message = entry && queue.release(entry)
      if (message) {
        journal.later(`queue ${entry.id}`, ['released', packet.messageId, entry.id])
        messages.letGo(message)
      }
      // the receiver of a PUBREL takes the same PUBLISH for a new one [MQTT-4.3.3-2]
      return journal.append([])
    }
    const wanted = packet.messageId ?? 1
    const entry = queue.byMessage(packet.brokerId, packet.brokerCounter)
    if (!entry) {
      // a bound refused or dropped it: it is sent all the same, but not repeated
      packet.messageId = queue.freePacketId(wanted)
      return
    }
    if (entry.packetId === undefined)
      journal.later(`queue ${entry.id}`, ['sent', queue.send(entry, wanted), entry.id])
    entry.sentOn = connectionOf(client)
    packet.messageId = entry.packetId
    packet.qos = entry.qos
    // repeated after a crash under another identifier it would be another message
    if (entry.qos === 2) await journal.append([])
  }

  function connectionOf(client: ClientRef): number {
    let number = connections.get(client)
    if (number === undefined) {
      number = ++connectionCount
      connections.set(client, number)
    }
    return number
  }

  /** What the client has to be sent: first what was sent before, then the rest, each in its order. */
  function packets(client: ClientRef): Iterable<OutgoingPacket> {
    const session = sessions.find(client.id)
    if (!session) return []
    expire(session)
    const { queue } = session
    const connection = connectionOf(client)
    const sent = queue.sent()
    const unsent = queue.unsent()
    return (function* () {
      for (const entry of sent)
        if (queue.byPacketId(entry.packetId) === entry) yield toPacket(entry, connection)
      for (const entry of unsent) if (queue.isUnsent(entry)) yield toPacket(entry, connection)
    })()
  }

  function expire(session: Session): void {
    const { queue } = session
    const since = now() - limits.messageExpiry
    let count = 0
    for (const entry of queue.unsent()) {
      if (!entry.message || entry.message.stored >= since) break
      discard(session, entry)
      count += 1
    }
    if (count > 0) onBound('message_expired', count)
  }

  return {
    messages,
    enqueue,
    update,
    packets,
    expire,
    /** The next packet that was not sent, counted as sent from now on; none while `window` wait to be acknowledged. */
    take(client: ClientRef, window: number): PublishPacket | undefined {
      const queue = sessions.find(client.id)?.queue
      const entry = queue && queue.inFlight < window ? queue.oldestUnsent() : undefined
      if (!queue || !entry) return undefined
      const packetId = queue.send(entry, (entry.id % MAX_PACKET_ID) + 1)
      journal.later(`queue ${entry.id}`, ['sent', packetId, entry.id])
      entry.sentOn = connectionOf(client)
      return toPacket(entry, entry.sentOn) as PublishPacket
    },
    /** Takes out what the client acknowledged. Nobody waits for the disk: at worst it is repeated. */
    acknowledge(client: ClientRef, packetId: number | undefined): OutgoingPacket | undefined {
      const session = sessions.find(client.id)
      const entry = session?.queue.byPacketId(packetId)
      if (!session || !entry) return undefined
      discard(session, entry)
      return toPacket(entry, connectionOf(client))
    },
    /** Takes out what the client is not allowed to read and so will not acknowledge. */
    withdraw({ id }: ClientRef, { brokerId, brokerCounter }: PublishPacket): void {
      const session = sessions.find(id)
      const entry = session?.queue.byMessage(brokerId, brokerCounter)
      if (session && entry) discard(session, entry)
    },
    discardAll(session: Session): void {
      for (const entry of session.queue.all()) discard(session, entry)
    },
    restore(
      id: number,
      sessionId: number,
      messageId: number | null,
      qos: Qos,
      packetId: number | null,
    ): void {
      ids.passed(id)
      const session = sessions.numbered(sessionId)
      const message = messageId === null ? undefined : messages.restored(messageId)
      // left over from changes that nobody waited for
      if (!session || (messageId !== null && !message)) return
      if (message) messages.hold(message)
      session.queue.admit({ id, qos, message, packetId: packetId ?? undefined, sentOn: 0 })
    },
  }
}

/** Each client with the highest QoS of its matching filters [MQTT-3.3.5-1]; QoS 0 is not queued. */
function highestQos(receivers: Iterable<Receiver>, published: Qos): Map<string, Qos> {
  const wanted = new Map<string, Qos>()
  for (const { clientId, qos = published } of receivers) {
    const lowered = Math.min(qos, published) as Qos
    if (lowered > (wanted.get(clientId) ?? 0)) wanted.set(clientId, lowered)
  }
  return wanted
}

function toPacket({ message, packetId, qos, sentOn }: Entry, connection: number): OutgoingPacket {
  if (!message) return { cmd: 'pubrel', messageId: packetId as number }
  const { brokerId, brokerCounter, topic, payload, properties } = message
  return {
    cmd: 'publish',
    brokerId,
    brokerCounter,
    topic,
    payload,
    qos,
    // set for what a new subscription gets, not for what matched an established one [MQTT-3.3.1-9]
    retain: false,
    dup: packetId !== undefined && sentOn !== connection,
    messageId: packetId,
    ...(properties ? { properties } : {}),
  }
}
