import type { Qos } from '../../topic/message.ts'
import type { Payload } from './changes.ts'
import type { Ground } from './ground.ts'
import { ownPayload, type PublishPacket, restoredPayload, stampOf, toProperties } from './packet.ts'

/** The wills of connected clients, and those that a broker left behind when it ended badly. */
export function createWills({ journal, ids }: Ground) {
  const wills = new Map<string, PublishPacket>()
  // connections of each client that have put a will and not removed it: for a moment the one that takes over, too
  const holders = new Map<string, number>()

  function count(client: string, change: 1 | -1): number {
    const now = Math.max(0, (holders.get(client) ?? 0) + change)
    if (now === 0) holders.delete(client)
    else holders.set(client, now)
    return now
  }

  /** Waits for the disk: the CONNACK that follows promises the will. */
  async function put(client: string, broker: string, will: PublishPacket): Promise<void> {
    // aedes relies on the packet itself to be marked
    will.brokerId = broker
    will.clientId = client
    const own = { ...will, payload: ownPayload(will.payload) }
    const { topic, payload, qos, retain } = own
    wills.set(client, own)
    count(client, 1)
    try {
      await journal.append([
        ['will', client, broker, topic, payload, qos, retain ? 1 : 0, ...stampOf(own)],
      ])
    } catch (error) {
      if (count(client, -1) === 0 || wills.get(client) === own) wills.delete(client)
      throw error
    }
  }

  /** Removes the client's will, unless it is another broker's than the one named, or another connection's by now. */
  function remove(client: string, broker: string | undefined): PublishPacket | undefined {
    const left = broker === undefined ? 0 : count(client, -1)
    const will = wills.get(client)
    if (!will || left > 0 || (broker !== undefined && will.brokerId !== broker)) return undefined
    wills.delete(client)
    journal.later(`will ${ids.next()}`, ['dropWill', client])
    return will
  }

  return {
    put,
    remove,
    get: (client: string) => wills.get(client),
    all: () => wills.values(),
    restore(
      clientId: string,
      brokerId: string,
      topic: string,
      payload: Payload,
      qos: Qos,
      retain: 0 | 1,
      device: string | null,
      time: number | null,
    ): void {
      const properties = toProperties(device, time)
      const own = { topic, payload: restoredPayload(payload), qos, retain: retain === 1 }
      wills.set(clientId, { clientId, brokerId, ...own, ...properties })
    },
  }
}
