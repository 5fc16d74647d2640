import { ask, type Failure } from './ask.ts'
import type { Fixed } from './span.ts'
import type { Summary } from './summary.ts'
import type { StreamMessage } from './topics.ts'

/** Numbers to ask the log for: those of a topic, or of one value in its JSON payloads, up to those that are on the page already. */
export interface Wanted extends Fixed {
  readonly topic: string
  /** Empty where the payload itself is the number. */
  readonly field: string
}

/** A mean over a short time, at a time in seconds since the Unix epoch. */
export interface PastPoint extends Summary {
  readonly time: number
}

export interface Past {
  /** Oldest first. */
  readonly points: readonly PastPoint[]
  /** What is missing, in the gateway's sentences. */
  readonly gaps: readonly string[]
  /** Whether older points were left out because there are too many messages. */
  readonly isCut: boolean
}

const MOST_POINTS = 500
const DAY = 86_400
const SPANS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, DAY]
/** Points in one answer: the newest are drawn while the older ones are read. */
const POINTS_EACH = 100
/** Answers for one line, which is more than ten million messages. */
const MOST_ANSWERS = 20
const MOST_ENTRIES = 500

/** The length of a bucket in seconds, for at most 500 of them in a range. */
export function bucketOf(seconds: number): number {
  const span = SPANS.find((span) => seconds / span <= MOST_POINTS)
  return span ?? Math.ceil(seconds / MOST_POINTS / DAY) * DAY
}

/** `every` is a whole number of seconds. */
export function pastUrl({ topic, field, from, to }: Wanted, every: number): string {
  const member = field === '' ? '' : `&field=${encodeURIComponent(field)}`
  return `/history?filter=${encodeURIComponent(topic)}&from=${iso(from)}&to=${iso(to)}&every=${every}s&order=desc&limit=${POINTS_EACH}${member}`
}

/** The address of the messages as CSV. */
export function csvUrl(topics: readonly string[], { from, to }: Fixed): string {
  const filters = topics.map((topic) => `filter=${encodeURIComponent(topic)}`).join('&')
  return `/history?${filters}&from=${iso(from)}&to=${iso(to)}&format=csv&limit=100000`
}

/** Whether the gateway takes a path: no name in it may be empty, and its length is bounded. */
export function canBeAsked(field: string): boolean {
  if (field === '') return true
  const names = field.match(/(?:\\[.\\]|[^.])+/g) ?? []
  return field.length <= 256 && names.join('.') === field
}

interface Answer {
  readonly buckets: readonly (Summary & { readonly from: string })[]
  readonly next: string | null
  readonly gaps: readonly { readonly message: string }[]
}

/**
 * The numbers of a time, in buckets of `every` seconds, from the newest to the oldest. `onPart` gets what there is after each answer,
 * and the part of the time that was read, up to 1. Rejects only when `signal` is aborted.
 */
export async function readPast(
  wanted: Wanted,
  every: number,
  signal: AbortSignal,
  onPart: (past: Past, done: number) => void = () => {},
): Promise<Past | Failure> {
  const url = pastUrl(wanted, every)
  const points: PastPoint[] = []
  const gaps = new Set<string>()
  let next: string | null = null
  let past: Past = { points, gaps: [], isCut: false }
  for (let answers = 0; answers < MOST_ANSWERS; answers++) {
    const answer: Answer | Failure = await ask<Answer>(
      next === null ? url : `${url}&after=${next}`,
      signal,
    )
    if ('failure' in answer) return answer
    for (const { from, count, min, mean, max } of answer.buckets)
      points.push({ time: middleOf(from, every, wanted) / 1000, count, min, mean, max })
    for (const { message } of answer.gaps) gaps.add(message)
    next = answer.next
    const sorted = points.toSorted((a, b) => a.time - b.time)
    past = { points: sorted, gaps: [...gaps], isCut: next !== null }
    if (next === null) break
    const oldest = (sorted[0]?.time ?? wanted.to / 1000) * 1000
    onPart({ ...past, isCut: false }, (wanted.to - oldest) / (wanted.to - wanted.from))
  }
  return past
}

export interface PastMessages {
  /** Oldest first. */
  readonly messages: readonly StreamMessage[]
  /** Whether there are older ones. */
  readonly isCut: boolean
}

/** The newest messages of a topic in a time, for texts that have no mean. Rejects only when `signal` is aborted. */
export async function readMessages(
  topic: string,
  { from, to }: Fixed,
  signal: AbortSignal,
): Promise<PastMessages | Failure> {
  const url = `/history?filter=${encodeURIComponent(topic)}&from=${iso(from)}&to=${iso(to)}&order=desc&limit=${MOST_ENTRIES}`
  const answer = await ask<{ entries: StreamMessage[]; next: string | null }>(url, signal)
  if ('failure' in answer) return answer
  return { messages: answer.entries.toReversed(), isCut: answer.next !== null }
}

/** How many seconds ago the oldest message of a topic came; 0 where there is none. */
export async function ageOf(topic: string, signal: AbortSignal): Promise<number | Failure> {
  const url = `/history?filter=${encodeURIComponent(topic)}&limit=1`
  const answer = await ask<{ entries: { time: string }[] }>(url, signal)
  if ('failure' in answer) return answer
  const [first] = answer.entries
  return first ? Math.max(0, Math.ceil((Date.now() - Date.parse(first.time)) / 1000)) : 0
}

/** Within the bucket and the time that was asked for. */
function middleOf(start: string, every: number, { from, to }: Wanted): number {
  const [first, end] = [Date.parse(start), Date.parse(start) + every * 1000]
  return (Math.max(first, from) + Math.min(end, to - 1)) / 2
}

function iso(time: number): string {
  return new Date(time).toISOString()
}
