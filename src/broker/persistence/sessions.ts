import { GatewayError } from '../../errors.ts'
import type { Qos } from '../../topic/message.ts'
import { createTopicTrie } from '../../topic/trie.ts'
import type { Change } from './changes.ts'
import type { Ground } from './ground.ts'
import { createQueue, type Queue } from './queue.ts'

/** A filter as a client subscribed to it; the last four are MQTT 5 and kept as they come. */
export interface Subscription {
  readonly topic: string
  readonly qos: Qos
  readonly rh?: number
  readonly rap?: boolean
  readonly nl?: boolean
  readonly subscriptionIdentifier?: number
}

export interface ClientSubscription extends Subscription {
  readonly clientId: string
}

/** What the sessions of one device have together. */
export interface Owner {
  sessions: number
  /** In their queues, a message counted in each. */
  bytes: number
}

/** What the broker keeps for a client that connects without clean session. */
export interface Session {
  readonly id: number
  readonly client: string
  readonly subscriptions: Map<string, ClientSubscription>
  readonly queue: Queue
  readonly owner: Owner
  connected: boolean
  lastSeen: number
}

export type Sessions = ReturnType<typeof createSessions>

export function createSessions({ journal, limits, onBound, now, ids }: Ground) {
  const sessions = new Map<string, Session>()
  const numbered = new Map<number, Session>()
  const owners = new Map<string, Owner>()
  const connected = new Set<string>()
  // of QoS 1 and 2 only: nothing is queued for the others
  const filters = createTopicTrie<Map<string, ClientSubscription>>()

  /** The client's session, made if there is none; undefined when there are as many as there may be. */
  function open(client: string): Session | undefined {
    const known = sessions.get(client)
    if (known) return known
    const { sessions: ofDevice = 0 } = owners.get(deviceOf(client)) ?? {}
    if (sessions.size >= limits.sessions || ofDevice >= limits.sessionsPerDevice) {
      onBound('sessions', 1)
      return undefined
    }
    const isConnected = connected.has(client)
    const session = hold(ids.next(), client, now(), isConnected)
    const { id, lastSeen } = session
    // its subscriptions and messages come after it, so they are never stored without it
    journal.later(`session ${id}`, ['session', id, client, lastSeen, isConnected ? 1 : 0])
    return session
  }

  function hold(id: number, client: string, lastSeen: number, isConnected: boolean): Session {
    const subscriptions = new Map<string, ClientSubscription>()
    const owner = owners.get(deviceOf(client)) ?? { sessions: 0, bytes: 0 }
    owners.set(deviceOf(client), owner)
    owner.sessions += 1
    const own = { subscriptions, owner, queue: createQueue(owner) }
    const session = { id, client, ...own, connected: isConnected, lastSeen }
    sessions.set(client, session)
    numbered.set(id, session)
    return session
  }

  function isOpen(session: Session): boolean {
    return sessions.get(session.client) === session
  }

  async function subscribe(client: string, subs: readonly Subscription[]): Promise<void> {
    const session = open(client)
    if (!session) throw new GatewayError('broker_unavailable', 'there are too many sessions')
    const added = new Map<string, ClientSubscription>()
    for (const sub of subs) added.set(sub.topic, { ...sub, clientId: client })
    for (const [filter, sub] of added)
      if (sameSubscription(session.subscriptions.get(filter), sub)) added.delete(filter)
    await journal.append(
      [...added.values()].map((sub): Change => {
        return ['subscribe', session.id, sub.topic, sub.qos, optionsOf(sub)]
      }),
    )
    if (isOpen(session)) for (const sub of added.values()) add(session, sub)
  }

  function add(session: Session, sub: ClientSubscription): void {
    session.subscriptions.set(sub.topic, sub)
    const listed = filters.get(sub.topic)
    if (sub.qos === 0) unlist(session, sub.topic)
    else if (listed) listed.set(session.client, sub)
    else filters.set(sub.topic, new Map([[session.client, sub]]))
  }

  function unlist(session: Session, filter: string): void {
    const listed = filters.get(filter)
    if (listed?.delete(session.client) && listed.size === 0) filters.delete(filter)
  }

  async function unsubscribe(client: string, unwanted: readonly string[]): Promise<void> {
    const session = sessions.get(client)
    const known = unwanted.filter((filter) => session?.subscriptions.has(filter))
    if (!session || known.length === 0) return
    await journal.append(known.map((filter) => ['unsubscribe', session.id, filter]))
    if (isOpen(session)) for (const filter of known) remove(session, filter)
  }

  function remove(session: Session, filter: string): void {
    session.subscriptions.delete(filter)
    unlist(session, filter)
  }

  /** Forgets the session in memory; its rows are the caller's. */
  function drop(session: Session): void {
    for (const filter of session.subscriptions.keys()) unlist(session, filter)
    numbered.delete(session.id)
    if (!isOpen(session)) return
    sessions.delete(session.client)
    session.owner.sessions -= 1
    if (session.owner.sessions === 0) owners.delete(deviceOf(session.client))
  }

  function touch(client: string, isConnected: boolean): void {
    if (isConnected) connected.add(client)
    else connected.delete(client)
    const session = sessions.get(client)
    if (!session) return
    session.connected = isConnected
    session.lastSeen = now()
    const change = ['touch', session.lastSeen, isConnected ? 1 : 0, session.id] as const
    journal.later(`touch ${session.id}`, change)
  }

  /** After a restart: nobody is connected, and whoever was is taken as seen just now. */
  function disconnectAll(): void {
    for (const session of sessions.values()) if (session.connected) touch(session.client, false)
  }

  return {
    get size() {
      return sessions.size
    },
    all: () => sessions.values(),
    find: (client: string) => sessions.get(client),
    numbered: (id: number) => numbered.get(id),
    open,
    isOpen,
    subscribe,
    unsubscribe,
    covering: (topic: string) => filters.covering(topic).flatMap((listed) => [...listed.values()]),
    drop,
    touch,
    disconnectAll,
    expired: () =>
      [...sessions.values()].filter(
        ({ connected, lastSeen }) => !connected && now() - lastSeen > limits.sessionExpiry,
      ),
    restoreSession(id: number, client: string, lastSeen: number, connected: 0 | 1): void {
      ids.passed(id)
      hold(id, client, lastSeen, connected === 1)
    },
    restoreSubscription(id: number, filter: string, qos: Qos, options: string): void {
      const session = numbered.get(id)
      if (!session) return
      add(session, { topic: filter, qos, clientId: session.client, ...JSON.parse(options) })
    },
  }
}

/** The gateway's client ids begin with the WoTT ID of their device. */
function deviceOf(client: string): string {
  const end = client.indexOf('/')
  return end === -1 ? client : client.slice(0, end)
}

function sameSubscription(a: Subscription | undefined, b: Subscription): boolean {
  return a !== undefined && a.qos === b.qos && optionsOf(a) === optionsOf(b)
}

function optionsOf({ rh, rap, nl, subscriptionIdentifier }: Subscription): string {
  return JSON.stringify({ rh, rap, nl, subscriptionIdentifier })
}
