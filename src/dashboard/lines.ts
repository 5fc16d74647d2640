import type { Failure } from './ask.ts'
import { type Points, withGaps } from './gaps.ts'
import { ageOf, bucketOf, canBeAsked, type Past, readMessages, readPast } from './past.ts'
import { readPayload } from './payload.ts'
import { MOST_POINTS } from './series.ts'
import type { Fixed, Span } from './span.ts'
import { createStates, type Run } from './states.ts'
import { type Summary, summaryOf } from './summary.ts'
import type { StreamMessage, Topic } from './topics.ts'

/** A value over time: one field of the payloads of a topic. */
export interface Source {
  readonly topic: Topic
  /** Its path; empty for the payload itself. */
  readonly field: string
}

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
  /** Reads again where so many live points have come that the page will forget the oldest of them, or late ones, which belong to the past. */
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

interface Known extends Past {
  /** Milliseconds since the Unix epoch: live points go on from here. */
  readonly before: number
}

interface KnownStates {
  readonly messages: readonly StreamMessage[]
  readonly isCut: boolean
  readonly before: number
}

const SHORTEST = 600
/** Half of what the page keeps of a line. */
const MOST_LIVE = MOST_POINTS / 2
/** Between two readings. */
const RENEW_MS = 30_000

/** What the line of a value is called. */
export type LabelOf = (topic: string, field: string) => string

/** `changed` is called when there is more to draw or to say. */
export function createLines(changed: () => void, labelOf: LabelOf = plainLabel): Lines {
  let pasts = new Map<string, Known>()
  let pastStates = new Map<string, KnownStates>()
  let sources: readonly Source[] = []
  let span: Span = { last: SHORTEST }
  /** How many seconds all that there is goes back. */
  let age = SHORTEST
  let reading = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let kind: LinesState['kind'] = 'ready'
  let progress = 1
  let trouble = ''
  let readAt = 0

  function shown(): Fixed {
    if ('from' in span) return span
    const now = Date.now()
    return { from: now - (span.last || age) * 1000, to: now }
  }

  function every(): number {
    const { from, to } = shown()
    return bucketOf((to - from) / 1000)
  }

  function stop(): void {
    clearTimeout(timer)
    timer = undefined
    reading.abort()
  }

  async function read(): Promise<void> {
    stop()
    reading = new AbortController()
    const { signal } = reading
    kind = 'loading'
    progress = 0
    trouble = ''
    readAt = Date.now()
    changed()
    try {
      const failure = await readAll(signal)
      kind = failure ? 'failed' : 'ready'
      if (failure) fail(failure)
      changed()
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async function readAll(signal: AbortSignal): Promise<Failure | null> {
    const topics = new Set(sources.map(({ topic }) => topic))
    if ('last' in span && span.last === 0) {
      const ages = []
      for (const { name } of topics) {
        const found = await ageOf(name, signal)
        if (typeof found !== 'number') return found
        ages.push(found)
      }
      age = Math.max(SHORTEST, ...ages)
    }
    const numbers = sources.filter(isNumber).filter(({ field }) => canBeAsked(field))
    const texts = [...topics].filter((topic) =>
      sources.some((source) => source.topic === topic && isState(source)),
    )
    let done = 0
    const step = (part: number) => {
      progress = (done + part) / (numbers.length + texts.length)
      changed()
    }
    for (const source of numbers) {
      const wanted = { ...pastOf(source.topic), topic: source.topic.name, field: source.field }
      const take = (past: Past) => pasts.set(keyOf(source), { ...past, before: wanted.to })
      const past = await readPast(wanted, every(), signal, (part, read) => {
        take(part)
        step(read)
      })
      if ('failure' in past) return past
      take(past)
      done += 1
      step(0)
    }
    for (const topic of texts) {
      const wanted = pastOf(topic)
      const past = await readMessages(topic.name, wanted, signal)
      if ('failure' in past) return past
      pastStates.set(topic.name, { ...past, before: wanted.to })
      done += 1
      step(0)
    }
    return null
  }

  /** What to ask the log for: of messages that are on the page none is counted twice. */
  function pastOf(topic: Topic): Fixed {
    const { from, to } = shown()
    const known = Math.max(topic.latest.time + 1, Math.ceil((from + to) / 2))
    return { from, to: 'from' in span ? Math.min(to, known) : known }
  }

  function fail({ failure, retryAfter }: Failure): void {
    trouble = `What came before could not be loaded: ${failure}`
    if (retryAfter === null) return
    trouble += ` Trying again in ${retryAfter} s.`
    timer = setTimeout(() => void read(), retryAfter * 1000)
  }

  function liveOf(source: Source): Points {
    const { from, to } = shown()
    const before = pasts.get(keyOf(source))?.before ?? 0
    const points = source.topic.series.get(source.field)?.since(Math.max(from, before)) ?? [[], []]
    // a message that was measured by a clock that is ahead is beyond now, but still the latest
    if ('last' in span) return points
    const end = points[0].findIndex((time) => time * 1000 > to)
    return end === -1 ? points : [points[0].slice(0, end), points[1].slice(0, end)]
  }

  function lineOf(source: Source): Line {
    const { from, to } = shown()
    const [liveTimes, liveValues] = liveOf(source)
    const past = (pasts.get(keyOf(source))?.points ?? []).filter(
      ({ time }) => time * 1000 >= from && time * 1000 <= to,
    )
    const live = liveValues.flatMap((value) =>
      value === null ? [] : [{ count: 1, min: value, mean: value, max: value }],
    )
    const times = [...past.map(({ time }) => time), ...liveTimes]
    const values = [...past.map(({ mean }) => mean), ...liveValues]
    return {
      label: labelOf(source.topic.name, source.field),
      points: withGaps([times, values], every()),
      summary: summaryOf([...past, ...live]),
    }
  }

  function rowOf(source: Source): Row {
    const { topic, field } = source
    const { from } = shown()
    const past = pastStates.get(topic.name)
    const states = createStates()
    states.keep()
    for (const { time, payload, payloadBase64, properties } of past?.messages ?? []) {
      const { values } = readPayload(payload, payloadBase64, properties?.contentType)
      const text = values.get(field)?.text
      if (text !== undefined) states.add(Date.parse(time), text)
    }
    for (const { from, last, text } of topic.states.get(field)?.since(past?.before ?? 0) ?? []) {
      states.add(Math.max(from, Math.min(last, past?.before ?? 0)), text)
      states.add(last, text)
    }
    return { label: labelOf(topic.name, field), runs: states.since(from) }
  }

  function sentences(): string[] {
    const known = sources.flatMap((source) => pasts.get(keyOf(source)) ?? [])
    const said = new Set(known.flatMap(({ gaps }) => gaps))
    if (known.some(({ isCut }) => isCut))
      said.add('There are too many messages to show: the oldest are left out.')
    if (sources.some(({ topic }) => pastStates.get(topic.name)?.isCut))
      said.add('Of texts only the newest messages are shown.')
    const unasked = sources.map(({ field }) => field).filter((field) => !canBeAsked(field))
    if (unasked.length > 0)
      said.add(`${unasked.map(nameOf).join(', ')}: shown from when this page was opened.`)
    if (kind === 'loading') said.add('Loading what came before…')
    if (trouble !== '') said.add(trouble)
    if (known.some(({ points }) => points.length > 0))
      said.add(
        `Older points are means of ${spanText(every())} each, the newest are single messages.`,
      )
    return [...said]
  }

  return {
    load(next, wanted) {
      const keys = new Set(next.map(keyOf))
      const isSameTime = 'last' in span && 'last' in wanted && span.last === wanted.last
      // while a closer look is loaded, the coarse one stays
      const isStale = 'last' in wanted && !isSameTime
      pasts = isStale ? new Map() : new Map([...pasts].filter(([key]) => keys.has(key)))
      if (isStale) pastStates = new Map()
      sources = next
      span = wanted
      for (const { topic, field } of sources) {
        topic.series.get(field)?.keep()
        topic.states.get(field)?.keep()
      }
      void read()
    },
    reload: () => void read(),
    renew() {
      if (kind !== 'ready' || 'from' in span) return
      const isLong = (source: Source) => liveOf(source)[0].length > MOST_LIVE
      const isLate = sources.some(({ topic: { lateAt } }) => lateAt >= readAt)
      if (!isLate && !sources.some(isLong)) return
      const wait = readAt + RENEW_MS - Date.now()
      if (wait <= 0) void read()
      else timer ??= setTimeout(() => void read(), wait)
    },
    stop,
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
    shown,
    state: () => ({ kind, progress, sentences: sentences() }),
  }
}

/** A topic whose messages here have no values may have had some before. */
export function isNumber({ topic: { series, fields }, field }: Source): boolean {
  return series.has(field) || fields.size === 0
}

export function isState({ topic: { states }, field }: Source): boolean {
  return states.has(field)
}

/** No topic holds U+0000 [MQTT-1.5.4-2]. */
export function keyOf({ topic: { name }, field }: Source): string {
  return `${name}\0${field}`
}

/** What the line of a number is called where nobody says. */
export function plainLabel(topic: string, field: string): string {
  return field === '' ? topic : `${topic} ${nameOf(field)}`
}

/** As its publisher wrote it. */
export function nameOf(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1')
}

function spanText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${seconds / 60} min`
  return seconds < 86_400 ? `${seconds / 3600} h` : `${seconds / 86_400} d`
}
