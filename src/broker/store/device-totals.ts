import type { Ledger } from '../../budget/ledger.ts'
import {
  type DeviceTotals,
  type Session,
  type Subscription,
  sessionBytes,
  subscriptionBytes,
} from '../session.ts'

/** The totals of a device that has no session yet; `memory` counts them, too. */
export function createDeviceTotals(device: string, memory: Ledger): DeviceTotals {
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

/** A client id in the gateway begins with the WoTT ID of its device. */
export function deviceOf(client: string): string {
  const end = client.indexOf('/')
  return end === -1 ? client : client.slice(0, end)
}

/** Adds the session's own memory to that of its device, or subtracts it. */
export function countSession({ totals, client, isStored }: Session, by: 1 | -1): void {
  const bytes = by * sessionBytes(client)
  if (isStored) totals.sessionBytes += bytes
  else totals.passingBytes += bytes
  totals.holds.session.force(totals.sessionBytes)
  totals.holds.connection.force(totals.passingBytes)
}

/** Adds a subscription to the totals of its device, or subtracts it. */
export function countSubscription({ session, name, share }: Subscription, by: 1 | -1): void {
  // the subscriptions of a closed session were subtracted before
  if (session.isClosed) return
  const { totals } = session
  totals.subscriptionBytes += by * subscriptionBytes(name)
  totals.holds.subscription.force(totals.subscriptionBytes)
  if (share !== null) totals.sharedSubscriptions += by
}
