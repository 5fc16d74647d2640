import { setImmediate } from 'node:timers/promises'
import type { Broker } from '../broker/broker.ts'
import type { RelayedBroker } from '../broker/relayed/relayed.ts'

export interface PatientBrokerOptions {
  readonly uplink: Pick<RelayedBroker['uplink'], 'connected' | 'check' | 'retained'>
  /** Milliseconds that a request waits for a connection. */
  readonly waitMs: number
  readonly now?: () => number
}

export interface PatientBroker {
  readonly broker: Broker
  /** A request begins: the process may have been frozen since the last one ended. */
  begin(): void
  end(): void
}

/** A pause between two requests after which the connection is asked for: shorter ones are not worth a question. */
const SURE_MS = 1_000

/**
 * The broker of a function, which is frozen between requests. Its connection may be gone without a sign, so the broker is asked
 * first; and what is written may never leave a frozen machine, so with QoS 0 too it is waited for.
 */
export function createPatientBroker(broker: Broker, options: PatientBrokerOptions): PatientBroker {
  const { uplink, waitMs, now = Date.now } = options
  // by the system's clock: the steady one may stand still with the machine
  let heard = Number.NEGATIVE_INFINITY
  let underWay = 0
  let ready: Promise<void> | null = null
  let read: Promise<void> | null = null

  async function connect(): Promise<void> {
    const started = performance.now()
    if (Math.abs(now() - heard) >= SURE_MS) await uplink.check(waitMs / 2).catch(() => {})
    await uplink.connected(waitMs - (performance.now() - started))
  }

  /** One question for all that is written in the same turn of the event loop. */
  async function askLater(): Promise<void> {
    await setImmediate()
    read = null
    await uplink.check(waitMs)
  }

  function whenReady(): Promise<void> {
    ready ??= connect().catch((error) => {
      ready = null
      throw error
    })
    return ready
  }

  return {
    broker: {
      ...broker,
      async publish(message, origin, keyedLine) {
        await whenReady()
        await broker.publish(message, origin, keyedLine)
        if (message.qos > 0) return
        read ??= askLater()
        await read
      },
      async retained(filter) {
        await whenReady()
        // asked of the broker each time: a frozen machine misses changes
        const found = await uplink.retained(filter)
        return found.map((message) => ({ ...message, sequence: 0 }))
      },
    },
    begin() {
      if (underWay === 0) ready = null
      underWay += 1
    },
    end() {
      underWay -= 1
      heard = now()
    },
  }
}
