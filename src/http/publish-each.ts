import type { KeyedRequest, Mark } from '../broker/broker.ts'
import { GatewayError } from '../errors.ts'
import type { Outcome } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'
import type { LineOutcome, Stop } from './batch.ts'

/** One of many readings, with its line number in the request. */
export type Numbered<T> = readonly [line: number, item: T]

export interface PublishEachOptions<T> {
  readonly turns: Pick<Turns, 'each'>
  readonly device: string
  readonly keyed: KeyedRequest | null
  publish(item: T, mark: Mark | undefined): Outcome | Promise<Outcome>
}

/**
 * Publishes readings in slices, until the rate limit refuses one. They do not wait for each other, so a thousand with QoS 1
 * share the store's commits; the calls keep their order.
 */
export async function publishEach<T>(
  items: readonly Numbered<T>[],
  { turns, device, keyed, publish }: PublishEachOptions<T>,
): Promise<{ readonly outcomes: readonly LineOutcome[]; readonly stop: Stop | null }> {
  const publishing: Promise<LineOutcome>[] = []
  let stop: Stop | null = null
  await turns.each(device, items, ([line, item]) => {
    const outcome = keyed?.isPublished(line) ? null : publish(item, keyed?.mark(line))
    if (outcome instanceof GatewayError && outcome.code === 'rate_limited') {
      stop = { line, reason: outcome }
      return false
    }
    const settled = settle(line, outcome, keyed)
    // a rejection is handled below, once all lines are read
    settled.catch(() => {})
    publishing.push(settled)
    return true
  })
  return { outcomes: await Promise.all(publishing), stop }
}

async function settle(
  line: number,
  outcome: Outcome | Promise<Outcome>,
  keyed: KeyedRequest | null,
): Promise<LineOutcome> {
  const refusal = await outcome
  if (refusal === null && !keyed?.isPublished(line)) keyed?.published(line)
  return { line, refusal }
}
