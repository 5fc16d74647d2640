import type { LatePlace } from '../broker/broker.ts'
import { isLate } from '../topic/time.ts'
import type { GapCause } from './event.ts'
import type { LogReader } from './log-reader.ts'

import type { ReplayPlace } from './replay-place.ts'

/** A request to read old messages again. */
export interface ReplayRequest {
  readonly filters: readonly string[]
  /** Milliseconds since the Unix epoch: messages measured from `from` on, null for all, and before `to`, null for up to now. */
  readonly from: number | null
  readonly to: number | null
  readonly newestFirst: boolean
  /** The place after which it continues, in its own order. */
  readonly after: ReplayPlace | null
  /** Called for every message when it is read, so that new rules apply at once. */
  mayReceive(topic: string): boolean
}

/** The range that a replay reads: numbers of messages, and own times of late messages. */
export interface ReplayRange {
  readonly after: number
  readonly upTo: number
  /** The place after which late messages continue. */
  readonly late: LatePlace
  readonly gaps: readonly GapCause[]
}

/** How far a number may be from its place by time: a message gets its time before its number, or may be just short of late. */
const DISORDER_MS = 60_000

const FIRST: LatePlace = { time: 0, number: 0 }
const LAST: LatePlace = { time: Number.MAX_SAFE_INTEGER, number: Number.MAX_SAFE_INTEGER }

export async function rangeOf(reader: LogReader, request: ReplayRequest): Promise<ReplayRange> {
  const { from, to, newestFirst } = request
  const goesOn = request.after && (await resolve(reader, request, request.after))
  const latest = reader.latest()
  const before = (time: number) => reader.split(time).then((found) => found.before)
  // gaps count from the requested time on, and not from a minute before
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

/** The place of a replay that ended with the message of a number. */
async function resolve(
  reader: LogReader,
  { filters, newestFirst }: ReplayRequest,
  place: ReplayPlace,
): Promise<ReplayPlace> {
  const { number, late } = place
  if (late !== undefined) return place
  // that message or, if it is gone, the one before it in the order of the replay
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
