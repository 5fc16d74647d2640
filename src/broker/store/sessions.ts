import type { Access } from '../../acl/access.ts'
import type { Qos } from '../../topic/message.ts'
import {
  COMMANDS_CLIENT_ID,
  type Owner,
  type Session,
  type Subscription,
  sessionBytes,
} from '../session.ts'
import { countArrivals } from './incoming.ts'
import { countSession, countSubscription, createOwner, deviceOf } from './owner.ts'
import { createQueue } from './queue.ts'
import type { Away } from './queue-types.ts'
import type { StoreContext } from './store-context.ts'
import { isUnchanged, restoredSubscription, subscribeChange } from './subscription.ts'

/** The rights of a client, by its device and its client id. */
export type AccessOf = (device: string, clientId: string) => Access

export type Sessions = ReturnType<typeof createSessions>

/** The MQTT sessions by client, with their subscriptions. */
export function createSessions(context: StoreContext, accessOf: AccessOf) {
  const { journal, limits, onBound, memory, now, ids } = context
  const sessions = new Map<string, Session>()
  const numbered = new Map<number, Session>()
  const owners = new Map<string, Owner>()
  const wereConnected: Session[] = []
  let stored = 0
  let version = 0

  /** Undefined if there is no room for another session, which is counted. */
  function create(client: string, expiry: number): Session | undefined {
    const isStored = expiry > 0
    if ((isStored && !hasRoom(client)) || !hasMemory(client, isStored)) {
      onBound('sessions', 1)
      return undefined
    }
    const session = add(ids.next(), client, { isStored, expiry, lastSeen: now(), floor: 0 })
    // changes keep their order, so its subscriptions and messages are never stored without it
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

  function add(
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

  /** Stores those subscriptions that are new or have changed options. */
  async function subscribe(session: Session, wanted: readonly Subscription[]): Promise<void> {
    const changed = wanted.filter((one) => !isUnchanged(session.subscriptions.get(one.name), one))
    if (session.isStored && changed.length > 0) await journal.append(changed.map(subscribeChange))
  }

  async function unsubscribe(session: Session, names: readonly string[]): Promise<void> {
    if (session.isStored && names.length > 0)
      await journal.append(names.map((name) => ['unsubscribe', session.id, name]))
  }

  /** Replaces the session's subscription of the same name. */
  function put(subscription: Subscription): void {
    const { session, name } = subscription
    const before = session.subscriptions.get(name)
    if (before) countSubscription(before, -1)
    session.subscriptions.set(name, subscription)
    countSubscription(subscription, 1)
  }

  function take(subscription: Subscription): void {
    const { session, name } = subscription
    if (session.subscriptions.delete(name)) countSubscription(subscription, -1)
  }

  /** Removes the session. The caller discards its queue. */
  function drop(session: Session): void {
    const { owner, isStored } = session
    for (const subscription of session.subscriptions.values()) countSubscription(subscription, -1)
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

  /** Call it when a client connects and when it leaves: sessions expire by this time. */
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
    /** Changes whenever a session ends, or a client connects or leaves. */
    version: () => version,
    changed(): void {
      version += 1
    },
    create,
    subscribe,
    unsubscribe,
    put,
    take,
    /** The room for new subscriptions of the session's device. */
    subscriptionRoom: ({ owner, device }: Session) => ({
      bytes: memory.room(device, 'subscription'),
      shared: limits.sharedSubscriptionsPerDevice - owner.sharedSubscriptions,
    }),
    /** Counts a subscription that was refused for lack of memory. */
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
      // older gateways had one expiry time for all sessions
      const session = add(id, client, {
        isStored: true,
        expiry: expiry ?? limits.sessionExpiry,
        lastSeen,
        floor,
      })
      if (connected === 1) wereConnected.push(session)
    },
    /** Clients that were connected when the gateway ended count as seen just now. */
    endRestore(): void {
      for (const session of wereConnected.splice(0)) touch(session)
    },
    restoreSubscription(id: number, name: string, qos: Qos, options: string): void {
      const session = numbered.get(id)
      if (session) put(restoredSubscription(session, name, qos, options))
    },
  }
}
