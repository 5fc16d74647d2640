import type { KeyedLine, KeyedRequest } from '../broker/broker.ts'
import type { Outcome } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'
import type { BatchOutcome, RefusedLine, Stop } from './batch.ts'

/** One of many readings, with its line number in the request. */
export type Numbered<T> = readonly [line: number, item: T]

export interface PublishEachOptions<T> {
  readonly turns: Pick<Turns, 'each'>
  readonly device: string
  readonly keyed: KeyedRequest | null
  /** `received` is when the gateway began to read the item, in milliseconds since the Unix epoch. */
  publish(item: T, keyedLine: KeyedLine | undefined, received: number): Outcome | Promise<Outcome>
}

/**
 * Publishes readings in slices, until the rate limit refuses one. They do not wait for each other, so a thousand with QoS 1
 * share the store's commits; the calls keep their order.
 */
export async function publishEach<T>(
  items: Iterable<Numbered<T>>,
  { turns, device, keyed, publish }: PublishEachOptions<T>,
): Promise<BatchOutcome> {
  const refused: RefusedLine[] = []
  let accepted = 0
  let stop: Stop | null = null
  // the walk through the items, and the readings that are being stored
  let underway = 1
  let fault: unknown
  const settled = Promise.withResolvers<void>()

  function settle(line: number, refusal: Outcome): void {
    if (refusal) {
      refused.push({ line, refusal })
      return
    }
    accepted += 1
    if (keyed && !keyed.isPublished(line)) keyed.published(line)
  }

  function leave(): void {
    underway -= 1
    if (underway === 0) settled.resolve()
  }

  function settleLater(line: number, outcome: Promise<Outcome>): void {
    underway += 1
    void outcome.then(
      (refusal) => {
        settle(line, refusal)
        leave()
      },
      (error) => {
        fault ??= error
        leave()
      },
    )
  }

  await turns.each(device, items, ([line, item], began) => {
    const outcome = keyed?.isPublished(line) ? null : publish(item, keyed?.line(line), began)
    if (outcome instanceof Promise) {
      settleLater(line, outcome)
      return true
    }
    if (outcome?.code === 'rate_limited') {
      stop = { line, reason: outcome }
      return false
    }
    settle(line, outcome)
    return true
  })
  leave()
  await settled.promise
  if (fault) throw fault
  return { accepted, refused: refused.sort((one, other) => one.line - other.line), stop }
}
