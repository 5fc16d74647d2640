import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cluster } from './cluster.ts'
import type { Readings } from './readings.ts'
import { eventsOf } from './streams.ts'

/** A stream that comes back through the balancer, to whichever gateway, with the last id it has. */
export interface MovingStream extends Disposable {
  /** What came, in its order; null for a gap. */
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
        // the gateway says goodbye with "end"
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
 * Whether each acknowledged reading came or belongs to a gap: it can have been at the broker after the last one before the gap
 * and before the first one after it. Gives back how many belong to gaps.
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
