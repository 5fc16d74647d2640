import type { KeyedLine, KeyedRequest } from '../broker/broker.ts'
import type { Outcome } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'
import type { LineOutcome, Stop } from './batch.ts'

/** One of many readings, with its line number in the request. */
export type Numbered<T> = readonly [line: number, item: T]

export interface PublishEachOptions<T> {
  readonly turns: Pick<Turns, 'each'>
  readonly device: string
  readonly keyed: KeyedRequest | null
  publish(item: T, keyedLine: KeyedLine | undefined): Outcome | Promise<Outcome>
}

/**
 * Publishes readings in slices, until the rate limit refuses one. They do not wait for each other, so a thousand with QoS 1
 * share the store's commits; the calls keep their order.
 */
export async function publishEach<T>(
  items: readonly Numbered<T>[],
  { turns, device, keyed, publish }: PublishEachOptions<T>,
): Promise<{ readonly outcomes: readonly LineOutcome[]; readonly stop: Stop | null }> {
  const settled: LineOutcome[] = []
  const underway: Promise<void>[] = []
  let stop: Stop | null = null

  function settle(line: number, refusal: Outcome): void {
    if (refusal === null && !keyed?.isPublished(line)) keyed?.published(line)
    settled.push({ line, refusal })
  }

  await turns.each(device, items, ([line, item]) => {
    const outcome = keyed?.isPublished(line) ? null : publish(item, keyed?.line(line))
    if (outcome instanceof Promise) {
      const settling = outcome.then((refusal) => settle(line, refusal))
      // a rejection is handled below, once all lines are read
      settling.catch(() => {})
      underway.push(settling)
      return true
    }
    if (outcome?.code === 'rate_limited') {
      stop = { line, reason: outcome }
      return false
    }
    settle(line, outcome)
    return true
  })
  await Promise.all(underway)
  return { outcomes: settled.sort((one, other) => one.line - other.line), stop }
}
