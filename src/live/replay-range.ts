import type { LatePlace } from '../broker/broker.ts'
import { isLate } from '../topic/time.ts'
import type { GapCause } from './event.ts'
import type { LogReader } from './log-reader.ts'

import type { ReplayPlace } from './replay-place.ts'

/** What somebody wants to read again of what was handed on. */
export interface ReplayRequest {
  readonly filters: readonly string[]
  /** Milliseconds since the Unix epoch: measured from this time on, null for all; and before the other, null for up to now. */
  readonly from: number | null
  readonly to: number | null
  readonly newestFirst: boolean
  /** The place that it goes on after, in its own order. */
  readonly after: ReplayPlace | null
  /** Asked about every message when it is read, so that new rules hold at once. */
  mayReceive(topic: string): boolean
}

/** What a replay reads: messages by their numbers, and late ones by their own times. */
export interface ReplayRange {
  readonly after: number
  readonly upTo: number
  /** The place that late ones go on after. */
  readonly late: LatePlace
  readonly gaps: readonly GapCause[]
}

/** How far a number may be from where its time belongs: messages are stamped before they get their numbers, and may be nearly late. */
const DISORDER_MS = 60_000

const FIRST: LatePlace = { time: 0, number: 0 }
const LAST: LatePlace = { time: Number.MAX_SAFE_INTEGER, number: Number.MAX_SAFE_INTEGER }

export async function rangeOf(reader: LogReader, request: ReplayRequest): Promise<ReplayRange> {
  const { from, to, newestFirst } = request
  const goesOn = request.after && (await resolve(reader, request, request.after))
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
  if (goesOn !== null && newestFirst) upTo = Math.min(upTo, goesOn.number - 1)
  if (goesOn !== null && !newestFirst) {
    known = Math.max(known, goesOn.number)
    after = Math.max(after, goesOn.number)
  } else if (reader.began !== null && (from ?? 0) < reader.began) gaps.add('restart')
  for (const gap of reader.gapsAfter(known)) gaps.add(gap)
  const late = goesOn?.late ?? (newestFirst ? LAST : FIRST)
  return { after: Math.max(after, reader.oldest()), upTo, late, gaps: [...gaps] }
}

/** Where a replay was that ended with the message of a number. */
async function resolve(
  reader: LogReader,
  { filters, newestFirst }: ReplayRequest,
  place: ReplayPlace,
): Promise<ReplayPlace> {
  const { number, late } = place
  if (late !== undefined) return place
  // the message, or the last one before it in the order of the replay
  const page = await reader.read(
    newestFirst
      ? { after: Math.max(number - 1, reader.oldest()), upTo: reader.latest(), filters }
      : { after: reader.oldest(), upTo: number, filters, newestFirst: true },
  )
  const [found] = page?.deliveries ?? []
  if (!found) return { number }
  const { time, received, sequence } = found
  if (!isLate(found)) return { number, late: { time: received, number: Number.MAX_SAFE_INTEGER } }
  if (sequence !== number) return { number }
  const { before } = await reader.split(time)
  return { number: newestFirst ? before + 1 : before, late: { time, number } }
}
