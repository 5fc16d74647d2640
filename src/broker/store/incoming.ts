import { type Arrival, NO_ARRIVALS, type Session } from '../session.ts'
import type { Change } from './changes.ts'
import type { StoreContext } from './store-context.ts'

/** Memory of an arrival, and of its place in its session. */
const ARRIVAL_BYTES = 256

/** Adds to the arrivals of the session's device. */
export function countArrivals({ totals }: Session, by: number): void {
  totals.arrivals += by
  totals.holds.arrival.force(totals.arrivals * ARRIVAL_BYTES)
}

/**
 * Incoming QoS 2 messages. An arrival is stored in the same commit as its message. After a crash, either both are there and a
 * repeated PUBLISH is only acknowledged, or neither is there and it is a new message.
 */
export function createIncoming({ journal, limits }: StoreContext) {
  function remember(session: Session, arrival: Arrival): void {
    if (session.arrivals === NO_ARRIVALS) session.arrivals = new Map()
    session.arrivals.set(arrival.packetId, arrival)
    countArrivals(session, 1)
  }

  function forget(session: Session, arrival: Arrival): void {
    if (session.arrivals.get(arrival.packetId) !== arrival) return
    session.arrivals.delete(arrival.packetId)
    if (!session.isClosed) countArrivals(session, -1)
  }

  return {
    /** Remembers the packet identifier. Null if the device has too many that wait for PUBREL. */
    add(session: Session, packetId: number): Arrival | null {
      const { arrivals, holds } = session.totals
      if (arrivals >= limits.arrivalsPerDevice) return null
      if (!holds.arrival.fits((arrivals + 1) * ARRIVAL_BYTES)) return null
      const arrival = { packetId, isRecorded: false, stored: null }
      remember(session, arrival)
      return arrival
    },
    /** The changes to store in the commit of the message. */
    record({ client, isStored, isClosed }: Session, arrival: Arrival): Change[] {
      if (!isStored || isClosed) return []
      arrival.isRecorded = true
      return [['receive', client, arrival.packetId]]
    },
    /** Resolves once it is stored that the identifier is free again, as the PUBCOMP will say. */
    async release(session: Session, arrival: Arrival): Promise<void> {
      await arrival.stored
      if (arrival.isRecorded) await journal.append([['forget', session.client, arrival.packetId]])
      forget(session, arrival)
    },
    /** The message was not stored, so a repeated PUBLISH is a new message. */
    forget,
    restore(session: Session, packetId: number): void {
      remember(session, { packetId, isRecorded: true, stored: null })
    },
  }
}
