import type { Ground } from './ground.ts'
import type { ClientRef, OutgoingPacket, PublishPacket, PubrelPacket } from './packet.ts'
import { type Entry, MAX_PACKET_ID } from './queue.ts'
import type { Queueing } from './queueing.ts'
import type { Session, Sessions } from './sessions.ts'

/** Queued messages on their way to their client: what is sent, under which identifier, and how it ends. */
export function createSending({ journal }: Ground, sessions: Sessions, queueing: Queueing) {
  // a number for each connection, so that a message sent on an earlier one is known as a repetition
  const connections = new WeakMap<ClientRef, number>()
  let connectionCount = 0

  function connectionOf(client: ClientRef): number {
    let number = connections.get(client)
    if (number === undefined) {
      number = ++connectionCount
      connections.set(client, number)
    }
    return number
  }

  /** Notes that `packet` is about to be sent, and gives it what it has to be sent with. */
  async function update(client: ClientRef, packet: OutgoingPacket): Promise<void> {
    const session = sessions.find(client.id)
    if (!session) return
    if (packet.cmd === 'pubrel') return release(session, packet)
    const { queue } = session
    const entry = queue.byMessage(packet.brokerId, packet.brokerCounter)
    if (!entry) {
      // a bound refused or dropped it: it is sent all the same, but not repeated
      packet.messageId = queue.freePacketId(packet.messageId ?? 1)
      return
    }
    if (entry.packetId === undefined) send(session, entry, packet.messageId ?? 1)
    entry.sentOn = connectionOf(client)
    packet.messageId = entry.packetId
    packet.qos = entry.qos
    // repeated after a crash under another identifier it would be another message
    if (entry.qos === 2) await journal.append([])
  }

  function send({ queue }: Session, entry: Entry, wanted: number): void {
    const packetId = queue.send(entry, wanted)
    journal.later(`queue ${entry.id}`, ['sent', packetId, entry.id])
  }

  function release({ queue }: Session, { messageId }: PubrelPacket): Promise<void> {
    const entry = queue.byPacketId(messageId)
    const message = entry && queue.release(entry)
    if (message) {
      journal.later(`queue ${entry.id}`, ['released', messageId, entry.id])
      queueing.messages.letGo(message)
    }
    // the receiver of a PUBREL takes the same PUBLISH for a new one [MQTT-4.3.3-2]
    return journal.append([])
  }

  /** What the client has to be sent: first what was sent before, then the rest, each in its order. */
  function packets(client: ClientRef): Iterable<OutgoingPacket> {
    const session = sessions.find(client.id)
    if (!session) return []
    queueing.expire(session)
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

  return {
    update,
    packets,
    /** The next packet that was not sent, counted as sent from now on; none while `window` wait to be acknowledged. */
    take(client: ClientRef, window: number): PublishPacket | undefined {
      const session = sessions.find(client.id)
      if (!session || session.queue.inFlight >= window) return undefined
      queueing.expire(session)
      const entry = session.queue.oldestUnsent()
      if (!entry) return undefined
      send(session, entry, (entry.id % MAX_PACKET_ID) + 1)
      entry.sentOn = connectionOf(client)
      return toPacket(entry, entry.sentOn) as PublishPacket
    },
    /** Takes out what the client acknowledged. Nobody waits for the disk: at worst it is repeated. */
    acknowledge(client: ClientRef, packetId: number | undefined): OutgoingPacket | undefined {
      const session = sessions.find(client.id)
      const entry = session?.queue.byPacketId(packetId)
      if (!session || !entry) return undefined
      queueing.discard(session, entry)
      return toPacket(entry, connectionOf(client))
    },
    /** Takes out what the client is not allowed to read and so will not acknowledge. */
    withdraw({ id }: ClientRef, { brokerId, brokerCounter }: PublishPacket): void {
      const session = sessions.find(id)
      const entry = session?.queue.byMessage(brokerId, brokerCounter)
      if (session && entry) queueing.discard(session, entry)
    },
  }
}

function toPacket(entry: Entry, connection: number): OutgoingPacket {
  const { message, packetId, qos, retain, sentOn } = entry
  if (!message) return { cmd: 'pubrel', messageId: packetId as number }
  const { brokerId, brokerCounter, topic, payload, properties } = message
  return {
    cmd: 'publish',
    brokerId,
    brokerCounter,
    topic,
    payload,
    qos,
    retain,
    dup: packetId !== undefined && sentOn !== connection,
    messageId: packetId,
    ...(properties && { properties }),
  }
}
