import type { Delivery, LogRange } from '../broker/broker.ts'
import type { Pace } from '../pace.ts'
import type { GapCause } from './event.ts'
import type { LogReader } from './log-reader.ts'

/** What somebody wants to read again of what was handed on. */
export interface ReplayRequest {
  readonly filters: readonly string[]
  /** Milliseconds since the Unix epoch: from this time on, null for all; and before the other, null for up to now. */
  readonly from: number | null
  readonly to: number | null
  readonly newestFirst: boolean
  /** The number that it goes on after, in its own order. */
  readonly after: number | null
  /** Asked about every message when it is read, so that new rules hold at once. */
  mayReceive(topic: string): boolean
}

/** The work of one replay. */
export interface ReplayBounds {
  /** Messages that it looks at. */
  readonly looked: number
  readonly milliseconds: number
}

/** Why a replay ends before its end. */
export type Cut = 'work' | 'time'

export interface Replay {
  /** What may be missing, as far as it is known before anything is read. */
  readonly gaps: readonly GapCause[]
  /** The messages, without those that have expired. It may be left before its end. */
  deliveries(): AsyncGenerator<Delivery, void>
  /** Why it ended early; null when it did not. */
  cut(): Cut | null
  /** Why messages are missing, as it turned out while it read. */
  lost(): readonly GapCause[]
  /** Where another replay goes on, as its `after`. */
  position(): number
}

/** How far a number may be from where its time belongs: messages are stamped before they get their numbers. */
const DISORDER_MS = 60_000
/** Bytes of payload that are one step of the pace. */
const STEP_BYTES = 1024

/** Finds in the log what `request` asks for. */
export async function openReplay(
  reader: LogReader,
  request: ReplayRequest,
  bounds: ReplayBounds,
  pace: Pace,
): Promise<Replay> {
  const { filters, from, to, newestFirst, mayReceive } = request
  const range = await rangeOf(reader, request)
  const deadline = performance.now() + bounds.milliseconds
  let { after, upTo } = range
  let position = newestFirst ? upTo + 1 : after
  let looked = 0
  const lost = new Set<GapCause>()
  let cut: Cut | null = null

  const isWanted = ({ topic, time, expires }: Delivery) =>
    (from === null || time >= from) &&
    (to === null || time < to) &&
    (expires === null || expires > reader.now()) &&
    mayReceive(topic)

  async function* deliveries(): AsyncGenerator<Delivery, void> {
    while (after < upTo) {
      const page = await reader.read({ after, upTo, filters, newestFirst })
      if (page === null) {
        lost.add('expired')
        after = reader.oldest()
        continue
      }
      if (page.damaged?.length) lost.add('damaged')
      for (const delivery of page.deliveries) {
        for (let steps = delivery.payload.length; steps >= 0; steps -= STEP_BYTES)
          while (!pace.take()) await pace.turn()
        if (isWanted(delivery)) yield delivery
        position = delivery.sequence
        if (performance.now() > deadline) {
          cut = 'time'
          return
        }
      }
      if (newestFirst) upTo = page.reached
      else after = page.reached
      position = newestFirst ? upTo + 1 : after
      looked += page.looked
      if (after < upTo && looked >= bounds.looked) cut = 'work'
      else if (after < upTo && performance.now() > deadline) cut = 'time'
      if (cut) return
    }
  }

  return {
    gaps: range.gaps,
    deliveries,
    cut: () => cut,
    lost: () => [...lost],
    position: () => position,
  }
}

async function rangeOf(
  reader: LogReader,
  { from, to, newestFirst, after: goesOn }: ReplayRequest,
): Promise<Pick<LogRange, 'after' | 'upTo'> & { readonly gaps: readonly GapCause[] }> {
  const latest = reader.latest()
  const before = (time: number) => reader.split(time).then((found) => found.before)
  // what is missing is missing from here on, and not from a minute earlier
  let known = from === null ? 0 : await before(from)
  let after = from === null ? 0 : await before(from - DISORDER_MS)
  let upTo = latest
  if (to !== null && to + DISORDER_MS <= Date.now()) {
    const { from: next } = await reader.split(to + DISORDER_MS)
    if (next !== null) upTo = Math.min(latest, next - 1)
  }
  const gaps = new Set<GapCause>()
  if (goesOn !== null && newestFirst) upTo = Math.min(upTo, goesOn - 1)
  if (goesOn !== null && !newestFirst) {
    known = Math.max(known, goesOn)
    after = Math.max(after, goesOn)
  } else if (reader.began !== null && (from ?? 0) < reader.began) gaps.add('restart')
  for (const gap of reader.gapsAfter(known)) gaps.add(gap)
  return { after: Math.max(after, reader.oldest()), upTo, gaps: [...gaps] }
}
