import type { Access } from '../../acl/access.ts'
import type { Qos } from '../../topic/message.ts'
import { COMMANDS_CLIENT_ID, type DeviceTotals, NO_ARRIVALS, type Session } from '../session.ts'
import { createAllTotals } from './all-totals.ts'
import { deviceOf } from './device-totals.ts'
import { createQueue } from './queue.ts'
import { type Away, NO_AUDIENCES } from './queue-types.ts'
import { createSessionSubscriptions } from './session-subscriptions.ts'
import type { StoreContext } from './store-context.ts'
import { restoredSubscription } from './subscription.ts'

/** The rights of a client, by its device and its client id. */
export type AccessOf = (device: string, clientId: string) => Access

export type Sessions = ReturnType<typeof createSessions>

type Lifetime = Pick<Session, 'isStored' | 'expiry' | 'lastSeen'> & Pick<Away, 'floor'>

/** The MQTT sessions by client, with their subscriptions. */
export function createSessions(context: StoreContext, accessOf: AccessOf) {
  const { journal, limits, onBound, now, ids } = context
  const allTotals = createAllTotals(context)
  const subscriptions = createSessionSubscriptions(context)
  const sessions = new Map<string, Session>()
  const byId = new Map<number, Session>()
  const wereConnected: Session[] = []
  let version = 0

  /** Undefined if there is no room for another session, which is counted. */
  function create(client: string, expiry: number): Session | undefined {
    const isStored = expiry > 0
    if (!allTotals.hasRoom(client, isStored)) {
      onBound('sessions', 1)
      return undefined
    }
    const session = add(ids.next(), client, { isStored, expiry, lastSeen: now(), floor: 0 })
    const { id, lastSeen } = session
    // changes keep their order, so its subscriptions and messages are never stored without it
    if (isStored) journal.later(`session ${id}`, ['session', id, client, lastSeen, 1, expiry])
    return session
  }

  function add(id: number, client: string, lifetime: Lifetime): Session {
    const totals = allTotals.of(deviceOf(client))
    const session = toSession(id, client, lifetime, totals, accessOf)
    allTotals.add(session)
    sessions.set(client, session)
    byId.set(id, session)
    return session
  }

  /** Removes the session. The caller discards its queue. */
  function drop(session: Session): void {
    const { id, client, isStored, arrivals } = session
    allTotals.remove(session)
    session.isClosed = true
    version += 1
    byId.delete(id)
    if (sessions.get(client) === session) sessions.delete(client)
    if (!isStored) return
    journal.later(`session ${id}`, ['dropSession', id])
    journal.later(`subscriptions ${id}`, ['dropSubscriptions', id])
    if (arrivals.size > 0) journal.later(`arrivals ${id}`, ['forgetAll', client])
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
    byId: (id: number) => byId.get(id),
    /** Changes whenever a session ends, or a client connects or leaves. */
    version: () => version,
    noteChange(): void {
      version += 1
    },
    create,
    drop,
    touch,
    isExpired: ({ link, lastSeen, expiry }: Session) =>
      link === null && now() - lastSeen >= expiry * 1000,
    ...subscriptions,
    restoreSession(
      id: number,
      client: string,
      lastSeen: number,
      connected: 0 | 1,
      expiry: number | null,
      floor = 0,
    ): void {
      ids.skipPast(id)
      // older gateways had one expiry time for all sessions
      const session = add(id, client, {
        isStored: true,
        expiry: expiry ?? limits.sessionExpirySeconds,
        lastSeen,
        floor,
      })
      if (connected === 1) wereConnected.push(session)
    },
    restoreSubscription(id: number, name: string, qos: Qos, options: string): void {
      const session = byId.get(id)
      if (session) subscriptions.addSubscription(restoredSubscription(session, name, qos, options))
    },
    /** Clients that were connected when the gateway ended count as seen just now. */
    endRestore(): void {
      for (const session of wereConnected.splice(0)) touch(session)
    },
  }
}

function toSession(
  id: number,
  client: string,
  { isStored, expiry, lastSeen, floor }: Lifetime,
  totals: DeviceTotals,
  accessOf: AccessOf,
): Session {
  const device = deviceOf(client)
  const clientId = client.slice(device.length + 1)
  return {
    id,
    client,
    device,
    clientId,
    access: accessOf(device, clientId),
    isStored,
    keepsQos0: isStored && clientId === COMMANDS_CLIENT_ID,
    expiry,
    subscriptions: new Map(),
    queue: createQueue(isStored ? totals : { bytes: 0 }),
    arrivals: NO_ARRIVALS,
    totals,
    link: null,
    lastSeen,
    away: { audiences: NO_AUDIENCES, takenUpTo: floor - 1, floor },
    isClosed: false,
  }
}
