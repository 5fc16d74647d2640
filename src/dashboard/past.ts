import { ask, type Failure } from './ask.ts'

/** One line of a chart: the numbers of a topic, or of one member of its JSON payloads. */
export interface Wanted {
  readonly topic: string
  /** Empty where the payload itself is the number. */
  readonly field: string
  /** Milliseconds since the Unix epoch: what came from here on is on the page already. */
  readonly before: number
}

/** Means of equal spans, oldest first. Times are seconds since the Unix epoch. */
export interface PastPoints {
  readonly times: number[]
  readonly values: number[]
}

export interface Past extends PastPoints {
  /** Sentences of the gateway on what is missing. */
  readonly gaps: readonly string[]
  /** Whether older points were left out because there are too many messages. */
  readonly isCut: boolean
}

const MOST_POINTS = 500
const DAY = 86_400
const SPANS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, DAY]
/** Answers that one line may take: ten million messages. */
const MOST_ANSWERS = 10

/** The length of a bucket in seconds, for at most 500 of them in a range. */
export function bucketOf(seconds: number): number {
  const span = SPANS.find((span) => seconds / span <= MOST_POINTS)
  return span ?? Math.ceil(seconds / MOST_POINTS / DAY) * DAY
}

/** `every` and `seconds` are whole. */
export function pastUrl({ topic, field, before }: Wanted, seconds: number, every: number): string {
  const member = field === '' ? '' : `&field=${encodeURIComponent(field)}`
  return `/history?filter=${encodeURIComponent(topic)}&from=-${seconds}s&to=${before}&every=${every}s&order=desc${member}`
}

/** The gateway separates names with dots, so a name with one, which is escaped here, cannot be asked for. */
export function canBeAsked(field: string): boolean {
  const names = field.split('.')
  return (
    !field.includes('\\') &&
    field.length <= 256 &&
    !names.slice(1).includes('') &&
    (field === '' || names[0] !== '')
  )
}

interface Answer {
  readonly buckets: readonly { readonly from: string; readonly mean: number }[]
  readonly truncated: string | null
  readonly next: string | null
  readonly gaps: readonly { readonly message: string }[]
}

/** The numbers of the last `seconds`, in buckets of `every` seconds. Rejects only when `signal` is aborted. */
export async function readPast(
  wanted: Wanted,
  seconds: number,
  every: number,
  signal: AbortSignal,
): Promise<Past | Failure> {
  const url = pastUrl(wanted, seconds, every)
  const rows: [time: number, value: number][] = []
  const gaps = new Set<string>()
  let next: string | null = null
  for (let answers = 0; answers < MOST_ANSWERS; answers++) {
    const answer: Answer | Failure = await ask<Answer>(
      next === null ? url : `${url}&after=${next}`,
      signal,
    )
    if ('failure' in answer) return answer
    for (const { from, mean } of answer.buckets) rows.push([middleOf(from, every, wanted), mean])
    for (const { message } of answer.gaps) gaps.add(message)
    next = answer.next
    if (next === null) break
  }
  rows.sort(([a], [b]) => a - b)
  return {
    times: rows.map(([time]) => time / 1000),
    values: rows.map(([, value]) => value),
    gaps: [...gaps],
    isCut: next !== null,
  }
}

/** How many seconds ago the oldest message of a topic came; 0 where there is none. */
export async function ageOf(topic: string, signal: AbortSignal): Promise<number | Failure> {
  const url = `/history?filter=${encodeURIComponent(topic)}&limit=1`
  const answer = await ask<{ entries: { time: string }[] }>(url, signal)
  if ('failure' in answer) return answer
  const [first] = answer.entries
  return first ? Math.max(0, Math.ceil((Date.now() - Date.parse(first.time)) / 1000)) : 0
}

/** Within the bucket and before the points that are on the page. */
function middleOf(from: string, every: number, { before }: Wanted): number {
  const start = Date.parse(from)
  return Math.max(start, Math.min(start + every * 500, before - 1))
}
