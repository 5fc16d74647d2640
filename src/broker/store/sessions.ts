import type { Access } from '../../acl/access.ts'
import type { Ledger } from '../../budget/ledger.ts'
import type { Qos } from '../../topic/message.ts'
import { parseShared } from '../groups.ts'
import {
  type Away,
  COMMANDS_CLIENT_ID,
  type Owner,
  type Session,
  type Subscription,
  type SubscriptionOptions,
  sessionBytes,
  subscriptionBytes,
} from '../session.ts'
import type { Change } from './changes.ts'
import { countArrivals } from './incoming.ts'
import { createQueue } from './queue.ts'
import type { StoreContext } from './store-context.ts'

/** What a client may do, by its device and its client id. */
export type AccessOf = (device: string, clientId: string) => Access

export type Requested = SubscriptionOptions & { readonly name: string }

export type Sessions = ReturnType<typeof createSessions>

export function createSessions(context: StoreContext, accessOf: AccessOf) {
  const { journal, limits, onBound, memory, now, ids } = context
  const sessions = new Map<string, Session>()
  const numbered = new Map<number, Session>()
  const owners = new Map<string, Owner>()
  const wereConnected: Session[] = []
  let stored = 0
  let version = 0

  /** Undefined when there are as many stored sessions as there may be. */
  function create(client: string, expiry: number): Session | undefined {
    const isStored = expiry > 0
    if ((isStored && !hasRoom(client)) || !hasMemory(client, isStored)) {
      onBound('sessions', 1)
      return undefined
    }
    const session = hold(ids.next(), client, { isStored, expiry, lastSeen: now(), floor: 0 })
    // its subscriptions and messages come after it, so they are never stored without it
    if (isStored)
      journal.later(`session ${session.id}`, [
        'session',
        session.id,
        client,
        session.lastSeen,
        1,
        expiry,
      ])
    return session
  }

  function hasRoom(client: string): boolean {
    const { sessions: ofDevice = 0 } = owners.get(deviceOf(client)) ?? {}
    return stored < limits.sessions && ofDevice < limits.sessionsPerDevice
  }

  function hasMemory(client: string, isStored: boolean): boolean {
    const device = deviceOf(client)
    const kind = isStored ? 'session' : 'connection'
    if (sessionBytes(client) <= memory.room(device, kind)) return true
    memory.refuse(device, kind)
    return false
  }

  function countSession({ owner, client, isStored }: Session, by: 1 | -1): void {
    const bytes = by * sessionBytes(client)
    if (isStored) owner.sessionBytes += bytes
    else owner.passingBytes += bytes
    owner.holds.session.force(owner.sessionBytes)
    owner.holds.connection.force(owner.passingBytes)
  }

  function hold(
    id: number,
    client: string,
    {
      isStored,
      expiry,
      lastSeen,
      floor,
    }: Pick<Session, 'isStored' | 'expiry' | 'lastSeen'> & Pick<Away, 'floor'>,
  ): Session {
    const device = deviceOf(client)
    const clientId = client.slice(device.length + 1)
    const owner = owners.get(device) ?? createOwner(device, memory)
    owners.set(device, owner)
    if (isStored) {
      owner.sessions += 1
      stored += 1
    } else owner.passing += 1
    const session: Session = {
      id,
      client,
      device,
      clientId,
      access: accessOf(device, clientId),
      isStored,
      keepsQos0: isStored && clientId === COMMANDS_CLIENT_ID,
      expiry,
      subscriptions: new Map(),
      queue: createQueue(isStored ? owner : { bytes: 0 }),
      arrivals: new Map(),
      owner,
      link: null,
      lastSeen,
      away: { audiences: new Set(), mark: floor - 1, floor },
      isClosed: false,
    }
    countSession(session, 1)
    sessions.set(client, session)
    numbered.set(id, session)
    return session
  }

  /** Stores subscriptions, all but those that the session has just so. */
  async function subscribe(session: Session, wanted: readonly Subscription[]): Promise<void> {
    const changed = wanted.filter((one) => !isSame(session.subscriptions.get(one.name), one))
    if (session.isStored && changed.length > 0)
      await journal.append(
        changed.map((one): Change => ['subscribe', session.id, one.name, one.qos, optionsOf(one)]),
      )
  }

  async function unsubscribe(session: Session, names: readonly string[]): Promise<void> {
    if (session.isStored && names.length > 0)
      await journal.append(names.map((name) => ['unsubscribe', session.id, name]))
  }

  /** Replaces the session's subscription of the same name. */
  function put(subscription: Subscription): void {
    const { session, name } = subscription
    const before = session.subscriptions.get(name)
    if (before) count(before, -1)
    session.subscriptions.set(name, subscription)
    count(subscription, 1)
  }

  function take(subscription: Subscription): void {
    const { session, name } = subscription
    if (session.subscriptions.delete(name)) count(subscription, -1)
  }

  function count({ session, name, share }: Subscription, by: 1 | -1): void {
    // nothing of a closed one counts any more
    if (session.isClosed) return
    const { owner } = session
    owner.subscriptionBytes += by * subscriptionBytes(name)
    owner.holds.subscription.force(owner.subscriptionBytes)
    if (share !== null) owner.sharedSubscriptions += by
  }

  /** Forgets the session; what waits in its queue is the caller's. */
  function drop(session: Session): void {
    const { owner, isStored } = session
    for (const subscription of session.subscriptions.values()) count(subscription, -1)
    countArrivals(session, -session.arrivals.size)
    countSession(session, -1)
    session.isClosed = true
    version += 1
    numbered.delete(session.id)
    if (sessions.get(session.client) === session) sessions.delete(session.client)
    if (isStored) owner.sessions -= 1
    else owner.passing -= 1
    if (owner.sessions + owner.passing === 0) owners.delete(session.device)
    if (!isStored) return
    stored -= 1
    journal.later(`session ${session.id}`, ['dropSession', session.id])
    journal.later(`subscriptions ${session.id}`, ['dropSubscriptions', session.id])
    if (session.arrivals.size > 0)
      journal.later(`arrivals ${session.id}`, ['forgetAll', session.client])
  }

  /** To be told when a client connects and when it leaves: sessions expire by it. */
  function touch(session: Session): void {
    version += 1
    session.lastSeen = now()
    if (!session.isStored) return
    const { id, lastSeen, link, expiry } = session
    journal.later(`touch ${id}`, ['touch', lastSeen, link ? 1 : 0, expiry, id])
  }

  return {
    get size() {
      return sessions.size
    },
    all: () => sessions.values(),
    find: (client: string) => sessions.get(client),
    numbered: (id: number) => numbered.get(id),
    /** Another one when a session has ended, or a client came or left. */
    version: () => version,
    changed(): void {
      version += 1
    },
    create,
    subscribe,
    unsubscribe,
    put,
    take,
    /** What is left for new subscriptions of the session's device. */
    subscriptionRoom: ({ owner, device }: Session) => ({
      bytes: memory.room(device, 'subscription'),
      shared: limits.sharedSubscriptionsPerDevice - owner.sharedSubscriptions,
    }),
    /** Counts a subscription that found no room in memory. */
    refuseSubscription: ({ device }: Session) => memory.refuse(device, 'subscription'),
    drop,
    touch,
    isExpired: ({ link, lastSeen, expiry }: Session) =>
      link === null && now() - lastSeen >= expiry * 1000,
    restoreSession(
      id: number,
      client: string,
      lastSeen: number,
      connected: 0 | 1,
      expiry: number | null,
      floor = 0,
    ): void {
      ids.passed(id)
      // older gateways had one expiry for all
      const session = hold(id, client, {
        isStored: true,
        expiry: expiry ?? limits.sessionExpiry,
        lastSeen,
        floor,
      })
      if (connected === 1) wereConnected.push(session)
    },
    /** Whoever was connected when the last gateway ended is taken as seen just now. */
    endRestore(): void {
      for (const session of wereConnected.splice(0)) touch(session)
    },
    restoreSubscription(id: number, name: string, qos: Qos, options: string): void {
      const session = numbered.get(id)
      if (!session) return
      const { nl = false, rap = false, subscriptionIdentifier = 0 } = JSON.parse(options)
      const restored = {
        name,
        qos,
        noLocal: nl,
        retainAsPublished: rap,
        identifier: subscriptionIdentifier,
      }
      put(toSubscription(session, restored))
    },
  }
}

function createOwner(device: string, memory: Ledger): Owner {
  return {
    sessions: 0,
    passing: 0,
    bytes: 0,
    subscriptionBytes: 0,
    sharedSubscriptions: 0,
    arrivals: 0,
    sessionBytes: 0,
    passingBytes: 0,
    holds: {
      session: memory.open(device, 'session'),
      connection: memory.open(device, 'connection'),
      subscription: memory.open(device, 'subscription'),
      arrival: memory.open(device, 'arrival'),
    },
  }
}

/** The gateway's client ids begin with the WoTT ID of their device. */
export function deviceOf(client: string): string {
  const end = client.indexOf('/')
  return end === -1 ? client : client.slice(0, end)
}

export function toSubscription(session: Session, requested: Requested): Subscription {
  const { name, qos, noLocal, retainAsPublished, identifier } = requested
  const { share, filter } = parseShared(name) ?? { share: null, filter: name }
  return { session, name, filter, share, qos, noLocal, retainAsPublished, identifier }
}

function isSame(a: Subscription | undefined, b: Subscription): boolean {
  return a !== undefined && a.qos === b.qos && optionsOf(a) === optionsOf(b)
}

/** By the names that older gateways gave them. */
function optionsOf({ noLocal, retainAsPublished, identifier }: Subscription): string {
  return JSON.stringify({
    rap: retainAsPublished,
    nl: noLocal,
    subscriptionIdentifier: identifier || undefined,
  })
}
