import { type Owner, type Session, sessionBytes } from '../session.ts'
import { countArrivals } from './incoming.ts'
import { countSession, countSubscription, createOwner, deviceOf } from './owner.ts'
import type { StoreContext } from './store-context.ts'

/** The totals of each device that has sessions, and whether there is room for more of them. */
export function createOwners({ limits, memory }: Pick<StoreContext, 'limits' | 'memory'>) {
  const owners = new Map<string, Owner>()
  /** How many sessions of all devices are stored. */
  let stored = 0

  function mayStore(device: string): boolean {
    const { sessions = 0 } = owners.get(device) ?? {}
    return stored < limits.sessions && sessions < limits.sessionsPerDevice
  }

  function hasMemory(device: string, client: string, isStored: boolean): boolean {
    const kind = isStored ? 'session' : 'connection'
    if (sessionBytes(client) <= memory.room(device, kind)) return true
    memory.refuse(device, kind)
    return false
  }

  return {
    /** Whether there is room for a session of this client. */
    hasRoom(client: string, isStored: boolean): boolean {
      const device = deviceOf(client)
      return (!isStored || mayStore(device)) && hasMemory(device, client, isStored)
    },
    of(device: string): Owner {
      const owner = owners.get(device) ?? createOwner(device, memory)
      owners.set(device, owner)
      return owner
    },
    add(session: Session): void {
      if (session.isStored) {
        session.owner.sessions += 1
        stored += 1
      } else session.owner.passing += 1
      countSession(session, 1)
    },
    /** Subtracts the session and all that belongs to it, before it is closed. */
    remove(session: Session): void {
      const { owner, device, isStored } = session
      for (const subscription of session.subscriptions.values()) countSubscription(subscription, -1)
      countArrivals(session, -session.arrivals.size)
      countSession(session, -1)
      if (isStored) {
        owner.sessions -= 1
        stored -= 1
      } else owner.passing -= 1
      if (owner.sessions + owner.passing === 0) owners.delete(device)
    },
  }
}
