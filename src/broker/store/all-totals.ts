import { type DeviceTotals, type Session, sessionBytes } from '../session.ts'
import { countSession, countSubscription, createDeviceTotals, deviceOf } from './device-totals.ts'
import { countArrivals } from './incoming.ts'
import type { StoreContext } from './store-context.ts'

/** The totals of each device that has sessions, and whether there is room for more of them. */
export function createAllTotals({ limits, memory }: Pick<StoreContext, 'limits' | 'memory'>) {
  const byDevice = new Map<string, DeviceTotals>()
  /** How many sessions of all devices are stored. */
  let stored = 0

  function mayStore(device: string): boolean {
    const { sessions = 0 } = byDevice.get(device) ?? {}
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
    of(device: string): DeviceTotals {
      const totals = byDevice.get(device) ?? createDeviceTotals(device, memory)
      byDevice.set(device, totals)
      return totals
    },
    add(session: Session): void {
      if (session.isStored) {
        session.totals.sessions += 1
        stored += 1
      } else session.totals.passing += 1
      countSession(session, 1)
    },
    /** Subtracts the session and all that belongs to it, before it is closed. */
    remove(session: Session): void {
      const { totals, device, isStored } = session
      for (const subscription of session.subscriptions.values()) countSubscription(subscription, -1)
      countArrivals(session, -session.arrivals.size)
      countSession(session, -1)
      if (isStored) {
        totals.sessions -= 1
        stored -= 1
      } else totals.passing -= 1
      if (totals.sessions + totals.passing === 0) byDevice.delete(device)
    },
  }
}
