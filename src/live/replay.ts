import type { Delivery } from '../broker/delivery.ts'
import { isExpired } from '../topic/message.ts'
import { isLate } from '../topic/time.ts'
import type { Pace } from '../turns/pace.ts'
import type { GapCause } from './event.ts'
import type { LogReader } from './log-reader.ts'
import type { ReplayPlace } from './replay-place.ts'
import { type ReplayRequest, rangeOf } from './replay-range.ts'

/** The limits of one replay. */
export interface ReplayBounds {
  /** Messages that it may look at. */
  readonly scanned: number
  readonly milliseconds: number
}

/** Why a replay stopped before its end. */
export type Cut = 'work' | 'time'

export interface Replay {
  /** Known causes of missing messages, before anything is read. */
  readonly gaps: readonly GapCause[]
  /**
   * The messages in the order in which they were measured, without expired ones: in the order of arrival, except that late ones
   * are placed by their own times. The caller may stop before the end.
   */
  deliveries(): AsyncGenerator<Delivery, void>
  /** Why it ended early; null when it did not. */
  cut(): Cut | null
  /** Why messages are missing, as found while reading. */
  lost(): readonly GapCause[]
  /**
   * The `after` with which another replay continues: before the delivery that was read last, until the next one is requested.
   */
  position(): ReplayPlace
}

/** Bytes of payload that count as one step of the pace. */
const STEP_BYTES = 1024

/** Reads the messages that `request` asks for. */
export async function openReplay(
  reader: LogReader,
  request: ReplayRequest,
  bounds: ReplayBounds,
  pace: Pace,
): Promise<Replay> {
  const { filters, from, to, newestFirst, mayReceive } = request
  const range = await rangeOf(reader, request)
  const deadline = performance.now() + bounds.milliseconds
  let { after, upTo, late } = range
  let number = newestFirst ? upTo + 1 : after
  let scanned = 0
  let hasLate = request.after?.late !== undefined
  const lost = new Set<GapCause>()
  let cut: Cut | null = null

  const isWanted = (delivery: Delivery) =>
    (from === null || delivery.time >= from) &&
    (to === null || delivery.time < to) &&
    !isExpired(delivery, reader.now) &&
    mayReceive(delivery.topic)

  async function step({ payload }: Delivery): Promise<void> {
    for (let steps = payload.length; steps >= 0; steps -= STEP_BYTES)
      while (!pace.take()) await pace.turn()
  }

  function worked(page: { readonly scanned: number }, isMore: boolean): void {
    scanned += page.scanned
    if (isMore && scanned >= bounds.scanned) cut = 'work'
    else if (isMore && performance.now() > deadline) cut = 'time'
  }

  /** The messages that are placed by their numbers. */
  async function* onTime(): AsyncGenerator<Delivery, void> {
    while (after < upTo) {
      const page = await reader.read({ after, upTo, filters, newestFirst })
      if (page === null) {
        lost.add('expired')
        after = reader.oldest()
        continue
      }
      if (page.damaged?.length) lost.add('damaged')
      for (const delivery of page.deliveries) {
        await step(delivery)
        if (isLate(delivery)) hasLate = true
        else if (isWanted(delivery)) yield delivery
        number = delivery.sequence
        if (performance.now() > deadline) {
          cut = 'time'
          return
        }
      }
      if (newestFirst) upTo = page.reached
      else after = page.reached
      number = newestFirst ? upTo + 1 : after
      worked(page, after < upTo)
      if (cut) return
    }
  }

  async function* lateOnes(): AsyncGenerator<Delivery, void> {
    const span = { from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER }
    for (;;) {
      const page = await reader.readLate({ ...span, after: late, filters, newestFirst })
      if (page.damaged?.length) lost.add('damaged')
      if (page.scanned > 0) hasLate = true
      for (const delivery of page.deliveries) {
        await step(delivery)
        // of the older ones the log has only the latest of each topic
        if (delivery.sequence > reader.oldest() && isWanted(delivery)) yield delivery
        late = { time: delivery.time, number: delivery.sequence }
      }
      if (page.reached === null) return
      late = page.reached
      worked(page, true)
      if (cut) return
    }
  }

  async function* deliveries(): AsyncGenerator<Delivery, void> {
    const lates = lateOnes()
    const next = async () => (await lates.next()).value ?? null
    let late = await next()
    if (cut) return
    for await (const delivery of onTime()) {
      for (; late && isBefore(late, delivery); late = await next()) yield late
      if (cut) return
      yield delivery
    }
    for (; late && cut === null; late = await next()) yield late
  }

  /** A late message is placed before the first message that arrived at its time or after; in reverse, after it. */
  function isBefore({ time }: Delivery, { received }: Delivery): boolean {
    return newestFirst ? time > received : time <= received
  }

  return {
    gaps: range.gaps,
    deliveries,
    cut: () => cut,
    lost: () => [...lost],
    position: () => (hasLate ? { number, late } : { number }),
  }
}
