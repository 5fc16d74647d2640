import { withGaps } from './gaps.ts'
import { canBeAsked } from './past.ts'
import { createPastReader } from './past-reader.ts'
import { readPayload } from './payload.ts'
import { MOST_POINTS } from './series.ts'
import { isNumber, isState, type LabelOf, nameOf, plainLabel, type Source } from './source.ts'
import type { Fixed, Span } from './span.ts'
import { createStates, type Run } from './states.ts'
import { type Summary, summaryOf } from './summary.ts'

/** Times in seconds since the Unix epoch, rising; null as a value is a break. */
export type Points = readonly [times: number[], values: (number | null)[]]

/** One line of a chart. */
export interface Line {
  readonly label: string
  readonly points: Points
  /** Of the numbers in the time that is shown; null where there are none. */
  readonly summary: Summary | null
}

/** The states of a field, which is a text, over time. */
export interface Row {
  readonly label: string
  readonly runs: readonly Run[]
}

/** What a chart shows: what the gateway's log has, and from there on what the page has seen. */
export interface Lines {
  /** Reads the log for a time, step by step. Ends what it was reading before. */
  load(sources: readonly Source[], span: Span): void
  /** Reads again, without taking away what is there. */
  reload(): void
  /** Reads the log again where the page is about to forget live points, or where late messages have come. */
  renew(): void
  /** Ends what is being read. */
  stop(): void
  lines(): Line[]
  rows(): Row[]
  /** The time that was chosen. */
  shown(): Fixed
  state(): LinesState
}

export interface LinesState {
  readonly kind: 'loading' | 'ready' | 'failed'
  /** How much of it was loaded, up to 1. */
  readonly progress: number
  /** What there is to say about it, one sentence each. */
  readonly sentences: readonly string[]
}

/** Half of what the page keeps of a line. */
const MOST_LIVE = MOST_POINTS / 2
/** Between two readings. */
const RENEW_MS = 30_000

/** `changed` is called when there is more to draw or to say. */
export function createLines(changed: () => void, labelOf: LabelOf = plainLabel): Lines {
  const past = createPastReader(changed)
  let sources: readonly Source[] = []
  let span: Span = { last: 0 }

  function liveOf(source: Source): Points {
    const { from, to } = past.shown()
    const before = past.numbersOf(source)?.before ?? 0
    const points = source.topic.series.get(source.field)?.since(Math.max(from, before)) ?? [[], []]
    // a device whose clock is ahead sends times that are still to come
    if ('last' in span) return points
    const end = points[0].findIndex((time) => time * 1000 > to)
    return end === -1 ? points : [points[0].slice(0, end), points[1].slice(0, end)]
  }

  function lineOf(source: Source): Line {
    const { from, to } = past.shown()
    const [liveTimes, liveValues] = liveOf(source)
    const older = (past.numbersOf(source)?.points ?? []).filter(
      ({ time }) => time * 1000 >= from && time * 1000 <= to,
    )
    const live = liveValues.flatMap((value) =>
      value === null ? [] : [{ count: 1, min: value, mean: value, max: value }],
    )
    const times = [...older.map(({ time }) => time), ...liveTimes]
    const values = [...older.map(({ mean }) => mean), ...liveValues]
    return {
      label: labelOf(source.topic.name, source.field),
      points: withGaps([times, values], past.every()),
      summary: summaryOf([...older, ...live]),
    }
  }

  function rowOf(source: Source): Row {
    const { topic, field } = source
    const { from } = past.shown()
    const older = past.statesOf(topic)
    const states = createStates()
    states.keep()
    for (const { time, payload, payloadBase64, properties } of older?.messages ?? []) {
      const { values } = readPayload(payload, payloadBase64, properties?.contentType)
      const text = values.get(field)?.text
      if (text !== undefined) states.add(Date.parse(time), text)
    }
    for (const { from, last, text } of topic.states.get(field)?.since(older?.before ?? 0) ?? []) {
      states.add(Math.max(from, Math.min(last, older?.before ?? 0)), text)
      states.add(last, text)
    }
    return { label: labelOf(topic.name, field), runs: states.since(from) }
  }

  function sentences(): string[] {
    const known = sources.flatMap((source) => past.numbersOf(source) ?? [])
    const found = new Set(known.flatMap(({ gaps }) => gaps))
    if (known.some(({ isCut }) => isCut))
      found.add('There are too many messages to show: the oldest are left out.')
    if (sources.some(({ topic }) => past.statesOf(topic)?.isCut))
      found.add('Of texts only the newest messages are shown.')
    const unasked = sources.map(({ field }) => field).filter((field) => !canBeAsked(field))
    if (unasked.length > 0)
      found.add(`${unasked.map(nameOf).join(', ')}: shown from when this page was opened.`)
    const { kind, trouble } = past.status()
    if (kind === 'loading') found.add('Loading what came before…')
    if (trouble !== '') found.add(trouble)
    if (known.some(({ points }) => points.length > 0))
      found.add(
        `Older points are means of ${spanText(past.every())} each, the newest are single messages.`,
      )
    return [...found]
  }

  return {
    load(next, wanted) {
      sources = next
      span = wanted
      for (const { topic, field } of sources) {
        topic.series.get(field)?.keep()
        topic.states.get(field)?.keep()
      }
      past.choose(sources, span)
    },
    reload: past.read,
    renew() {
      const { kind, began } = past.status()
      if (kind !== 'ready' || 'from' in span) return
      const isLong = (source: Source) => liveOf(source)[0].length > MOST_LIVE
      const isLate = sources.some(({ topic: { lateAt } }) => lateAt >= began)
      if (isLate || sources.some(isLong)) past.readAt(began + RENEW_MS)
    },
    stop: past.stop,
    lines: () =>
      sources
        .filter(isNumber)
        .map(lineOf)
        .filter(({ points: [times] }) => times.length > 0),
    rows: () =>
      sources
        .filter(isState)
        .map(rowOf)
        .filter(({ runs }) => runs.length > 0),
    shown: past.shown,
    state() {
      const { kind, progress } = past.status()
      return { kind, progress, sentences: sentences() }
    },
  }
}

function spanText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${seconds / 60} min`
  return seconds < 86_400 ? `${seconds / 3600} h` : `${seconds / 86_400} d`
}
