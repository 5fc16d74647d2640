import { Readable } from 'node:stream'
import type { Qos } from '../../topic/message.ts'
import type { Restore } from './changes.ts'
import { createIds, type Ground } from './ground.ts'
import { createIncoming } from './incoming.ts'
import type { Journal } from './journal.ts'
import { DEFAULT_LIMITS, type Limits, type OnBound } from './limits.ts'
import type { ClientRef, OutgoingPacket, PublishPacket } from './packet.ts'
import { createQueueing, type Receiver } from './queueing.ts'
import { createRetained } from './retained.ts'
import { createSending } from './sending.ts'
import { createSessions, type Subscription } from './sessions.ts'
import { createWills } from './wills.ts'

const SECOND = 1000
const HOUR = 60 * 60 * SECOND

export interface PersistenceOptions {
  readonly journal: Journal
  readonly limits?: Partial<Limits>
  readonly onBound?: OnBound
  /** Milliseconds since the Unix epoch; a test's own clock. */
  readonly now?: () => number
}

/** As much of aedes as a persistence needs: whose wills are whose. */
interface BrokerRef {
  readonly id: string
}

type Named = { readonly messageId: number }

export type Persistence = Awaited<ReturnType<typeof openPersistence>>

/**
 * aedes' persistence: all state in memory, all changes in the journal. What a promise is waited for
 * here is stored when it resolves, and not done when it rejects.
 */
export async function openPersistence({
  journal,
  limits,
  onBound = () => {},
  now = Date.now,
}: PersistenceOptions) {
  const ground: Ground = {
    journal,
    limits: { ...DEFAULT_LIMITS, ...limits },
    onBound,
    now,
    ids: createIds(),
  }
  const retained = createRetained(ground)
  const sessions = createSessions(ground)
  const incoming = createIncoming(ground, sessions)
  const queueing = createQueueing(ground, sessions, incoming)
  const sending = createSending(ground, sessions, queueing)
  const wills = createWills(ground)
  let broker: BrokerRef | undefined

  const restore: Restore = {
    session: sessions.restoreSession,
    subscribe: sessions.restoreSubscription,
    message: queueing.messages.restore,
    enqueue: queueing.restore,
    receive: incoming.restore,
    will: wills.restore,
    retain: retained.restore,
  }
  try {
    await journal.recover(restore)
  } catch (error) {
    await journal.close()
    throw error
  }
  queueing.messages.endRestore()
  sessions.disconnectAll()

  /** Drops sessions and messages that are past their time. */
  function sweep(): void {
    for (const session of sessions.expired()) {
      sessions.drop(session)
      journal.later(`session ${session.id}`, ['dropSession', session.id])
      journal.later(`subscriptions ${session.id}`, ['dropSubscriptions', session.id])
      queueing.discardAll(session)
      incoming.clean(session.client).catch(() => {})
      onBound('session_expired', 1)
    }
    for (const session of sessions.all()) queueing.expire(session)
  }

  const often = Math.min(ground.limits.sessionExpiry, ground.limits.messageExpiry) / 10
  const sweeping = setInterval(sweep, Math.max(SECOND, Math.min(HOUR, often))).unref()

  return {
    get broker() {
      return broker
    },
    // aedes looks whether this is an async function
    async setup(aedes: BrokerRef): Promise<void> {
      broker = aedes
    },

    /** The sessions that are to get a QoS 1 or 2 message on `topic`. */
    receivers: (topic: string): readonly Receiver[] => sessions.covering(topic),
    /**
     * Stores all that is to be kept of a message, as what is retained and in the queues of `receivers`, in one step: what is
     * stored later comes later in each of them.
     */
    storeMessage: (packet: PublishPacket, receivers: readonly Receiver[]): Promise<void> =>
      incoming.during(packet, async () => {
        await Promise.all([
          packet.retain ? retained.store(packet) : null,
          packet.qos > 0 ? queueing.enqueue(receivers, packet) : null,
        ])
      }),
    storeRetained: (packet: PublishPacket) => incoming.during(packet, () => retained.store(packet)),
    createRetainedStream: (filter: string) => Readable.from(retained.covered([filter])),
    createRetainedStreamCombi: (filters: string[]) => Readable.from(retained.covered(filters)),
    /** The retained messages that `filter` covers. */
    retained: (filter: string): Promise<PublishPacket[]> =>
      Array.fromAsync(retained.covered([filter])),

    /** The message that is retained on `topic` now, or will be in a moment. */
    retainedOn: retained.latest,

    addSubscriptions: ({ id }: ClientRef, subs: readonly Subscription[]) =>
      sessions.subscribe(id, subs),
    removeSubscriptions: ({ id }: ClientRef, filters: readonly string[]) =>
      sessions.unsubscribe(id, filters),
    async subscriptionsByClient({ id }: ClientRef): Promise<Subscription[]> {
      const subs = [...(sessions.find(id)?.subscriptions.values() ?? [])]
      return subs.map(({ clientId: _, ...sub }) => sub)
    },
    subscriptionsByTopic: async (topic: string) => sessions.covering(topic),
    /** Ends the session, with all that waits for it [MQTT-3.1.2-6]. */
    async cleanSubscriptions({ id }: ClientRef): Promise<void> {
      const session = sessions.find(id)
      if (!session) return
      await journal.append([
        ['dropSession', session.id],
        ['dropSubscriptions', session.id],
      ])
      sessions.drop(session)
      queueing.discardAll(session)
    },
    async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
      const all = [...sessions.all()].filter(({ subscriptions }) => subscriptions.size > 0)
      const queued = all.flatMap(({ subscriptions }) => [...subscriptions.values()])
      return { subsCount: queued.filter(({ qos }) => qos > 0).length, clientsCount: all.length }
    },
    getClientList(filter: string): Readable {
      const all = [...sessions.all()].filter(({ subscriptions }) => subscriptions.has(filter))
      return Readable.from(all.map(({ client }) => client))
    },
    /** To be told when a client with a session connects and disconnects: sessions expire by it. */
    touch: sessions.touch,

    outgoingEnqueue: (receiver: Receiver, packet: PublishPacket) =>
      incoming.during(packet, () => queueing.enqueue([receiver], packet)),
    outgoingEnqueueCombi: (receivers: readonly Receiver[], packet: PublishPacket) =>
      incoming.during(packet, () => queueing.enqueue(receivers, packet)),
    /** Queues what a new subscription brings; resolves once it is stored. */
    outgoingEnqueueRetained: ({ id }: ClientRef, packet: PublishPacket, qos: Qos) =>
      queueing.enqueueRetained(id, packet, qos),
    hasRoomForRetained({ id }: ClientRef): boolean {
      const session = sessions.find(id)
      return session !== undefined && queueing.hasRoomForRetained(session)
    },
    outgoingUpdate: sending.update,
    outgoingClearMessageId: async (client: ClientRef, packet: Named) =>
      sending.acknowledge(client, packet.messageId),
    outgoingStream: (client: ClientRef) => Readable.from(sending.packets(client)),
    /** What `outgoingStream` streams, at once. */
    outgoing: (client: ClientRef): OutgoingPacket[] => [...sending.packets(client)],
    /** For who sends by himself: the next packet not sent yet, with its identifier, while fewer than a window are in flight. */
    outgoingTake: sending.take,
    /** Takes a queued packet back that the client may not read. */
    outgoingWithdraw: sending.withdraw,

    async incomingStorePacket(client: ClientRef, packet: PublishPacket): Promise<void> {
      incoming.store(client, packet)
    },
    incomingGetPacket: ({ id }: ClientRef, { messageId }: Named) => incoming.get(id, messageId),
    incomingDelPacket: ({ id }: ClientRef, { messageId }: Named) => incoming.release(id, messageId),
    cleanIncoming: ({ id }: ClientRef) => incoming.clean(id),

    async putWill({ id }: ClientRef, will: PublishPacket): Promise<void> {
      await wills.put(id, broker?.id ?? '', will)
    },
    getWill: async ({ id }: ClientRef) => wills.get(id),
    delWill: async ({ id, brokerId }: ClientRef & { brokerId?: string }) =>
      wills.remove(id, brokerId),
    streamWill: (brokers: Record<string, unknown> = {}) =>
      Readable.from([...wills.all()].filter(({ brokerId }) => !brokers[brokerId ?? ''])),

    sweep,
    stats: () => ({
      sessions: sessions.size,
      queuedBytes: queueing.messages.bytes,
      retained: retained.size,
      retainedBytes: retained.bytes,
    }),
    /** Resolves once everything up to now is stored. */
    stored: () => journal.append([]),
    problem: () => journal.problem(),
    /** Stores what waits and closes the journal. */
    async destroy(): Promise<void> {
      clearInterval(sweeping)
      await journal.close()
    },
  }
}
