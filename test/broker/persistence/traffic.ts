import type { OutgoingPacket, PublishPacket } from '../../../src/broker/persistence/packet.ts'
import type { Persistence } from '../../../src/broker/persistence/persistence.ts'

let counter = 0

/** A packet as aedes makes it of what is published. */
export function packetOf(
  topic: string,
  payload: string,
  packet: Partial<PublishPacket> = {},
): PublishPacket {
  counter += 1
  const named = { brokerId: 'broker', brokerCounter: counter, messageId: undefined }
  const own = { topic, payload: Buffer.from(payload), qos: 1, retain: false, dup: false } as const
  return { cmd: 'publish', ...named, ...own, ...packet }
}

/** Publishes as aedes does. */
export async function publish(persistence: Persistence, packet: PublishPacket): Promise<void> {
  if (packet.retain) await persistence.storeRetained(packet)
  if (packet.qos === 0) return
  const receivers = await persistence.subscriptionsByTopic(packet.topic)
  await persistence.outgoingEnqueueCombi(receivers, packet)
}

export async function subscribe(
  persistence: Persistence,
  id: string,
  ...filters: [string, 0 | 1 | 2][]
): Promise<void> {
  await persistence.addSubscriptions(
    { id },
    filters.map(([topic, qos]) => ({ topic, qos })),
  )
}

export function payloadsOf(packets: readonly OutgoingPacket[]): string[] {
  return packets.map((packet) => (packet.cmd === 'pubrel' ? 'PUBREL' : String(packet.payload)))
}

/** What waits for a client, by payload. */
export function queued(persistence: Persistence, id: string): string[] {
  return payloadsOf(persistence.outgoing({ id }))
}

/** Sends everything that waits for a client as aedes does, over one connection. */
export async function sendAll(
  persistence: Persistence,
  client: { id: string },
): Promise<PublishPacket[]> {
  const sent: PublishPacket[] = []
  for (const packet of persistence.outgoing(client)) {
    if (packet.cmd === 'pubrel') continue
    // aedes numbers what has no number yet
    const numbered = { ...packet, messageId: packet.messageId ?? 1 + sent.length }
    await persistence.outgoingUpdate(client, numbered)
    sent.push(numbered)
  }
  return sent
}
