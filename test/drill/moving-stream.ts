import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import type { Readings } from './readings.ts'
import { eventsOf } from './streams.ts'

/** A stream that reconnects through the balancer to any gateway, with its last id. */
export interface MovingStream extends Disposable {
  /** The events in order; null is a gap. */
  readonly events: readonly (string | null)[]
  /** Resolves once this one has come. */
  has(payload: string): Promise<void>
  hasBegun(): Promise<void>
}

const RETRY_MS = 20

export function followThrough(cluster: Pick<Cluster, 'device' | 'ports'>): MovingStream {
  const events: (string | null)[] = []
  const seen = new Set<string | null>()
  const stop = new AbortController()
  let last: string | undefined
  let more = Promise.withResolvers<void>()

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      const path = '/stream?filter=scale/%23'
      for await (const { event, id, data } of eventsOf(cluster, path, last, stop.signal)) {
        if (id) last = id
        // the gateway sends the event "end" before it stops
        if (event !== undefined && event !== 'gap') continue
        const came = event === 'gap' ? null : JSON.parse(data).payload
        events.push(came)
        seen.add(came)
        more.resolve()
        more = Promise.withResolvers()
      }
      await pause(RETRY_MS)
    }
  }

  void run()
  return {
    events,
    async has(payload) {
      while (!seen.has(payload)) await more.promise
    },
    async hasBegun() {
      while (events.length === 0) await more.promise
    },
    [Symbol.dispose]: () => stop.abort(),
  }
}

/**
 * Checks that each acknowledged reading came or belongs to a gap. A reading belongs to a gap if it may have reached the broker
 * between the last reading before the gap and the first one after it. Returns how many belong to gaps.
 */
export function checkGaps({ events }: MovingStream, { all }: Readings): number {
  const came = new Set(events)
  const gaps = [...events.entries()]
    .filter(([, event]) => event === null)
    .map(([index]) => {
      const before = events.slice(0, index).findLast((event) => event !== null)
      const after = events.slice(index).find((event) => event !== null)
      return {
        from: all.get(before ?? '')?.sent ?? 0,
        to: all.get(after ?? '')?.acknowledged ?? Number.POSITIVE_INFINITY,
      }
    })
  let missing = 0
  for (const [payload, { sent, acknowledged }] of all) {
    if (came.has(payload)) continue
    missing += 1
    assert.ok(
      gaps.some(({ from, to }) => acknowledged >= from && sent <= to),
      `the stream missed ${payload} and was told of no gap there`,
    )
  }
  return missing
}
