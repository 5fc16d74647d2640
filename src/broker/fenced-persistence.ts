import { Readable } from 'node:stream'
import type { Client } from 'aedes'
import { isSettled } from './hooks.ts'
import type { PublishPacket } from './persistence/packet.ts'
import type { Persistence } from './persistence/persistence.ts'
import type { Subscription } from './persistence/sessions.ts'
import type { Sessions } from './session.ts'

/** The persistence as aedes is to see it: without what aedes would do too early, too late, or in the outbox's place. */
export function fencePersistence(
  persistence: Persistence,
  sessions: Sessions,
  brokerId: () => string,
) {
  const storing = new WeakMap<readonly Subscription[], Promise<void>>()
  const last = new WeakMap<Client, Promise<void>>()

  /** One after the other for each client, as they came. */
  function inTurn(client: Client, work: () => Promise<void>): Promise<void> {
    const turn = (last.get(client) ?? Promise.resolve()).then(work)
    last.set(
      client,
      turn.catch(() => {}),
    )
    return turn
  }

  /** Only those filters of a SUBSCRIBE that are granted. */
  function storeGranted(client: Client, asked: readonly Subscription[]): Promise<void> {
    const { subscriptions } = sessions.get(client) ?? {}
    // in a moment aedes will have asked which are
    const granting = Promise.resolve().then(() =>
      asked.filter(({ topic }) => subscriptions?.has(topic)),
    )
    return inTurn(client, async () => {
      const granted = await granting
      // an UNSUBSCRIBE that came before has ended only now
      for (const { topic, qos } of granted) subscriptions?.grant(topic, qos)
      await persistence.addSubscriptions(client, granted)
    })
  }

  return {
    ...persistence,
    /** aedes hands over all filters, and the same array once for each of them. */
    addSubscriptions(client: Client, asked: readonly Subscription[]): Promise<void> {
      const stored = storing.get(asked) ?? storeGranted(client, asked)
      storing.set(asked, stored)
      return stored
    },
    removeSubscriptions: (client: Client, filters: readonly string[]) =>
      inTurn(client, () => persistence.removeSubscriptions(client, filters)),
    /** The queues are the outbox's to send. */
    outgoingStream: () => Readable.from([]),
    /** What was denied is not known again: nothing became of it. */
    async incomingStorePacket(client: Client, packet: PublishPacket): Promise<void> {
      if (!isSettled(packet)) await persistence.incomingStorePacket(client, packet)
    },
    /** Nobody would take back the will of a client that left while it was connecting. */
    async putWill(client: Client, will: PublishPacket): Promise<void> {
      if (!client.closed) await persistence.putWill(client, will)
    },
    /** However the clock was set, the wills of this broker's own clients were not left behind. */
    streamWill: (others: Record<string, unknown> = {}) =>
      persistence.streamWill({ ...others, [brokerId()]: true }),
  }
}
