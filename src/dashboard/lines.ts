import type { Failure } from './ask.ts'
import { ageOf, bucketOf, canBeAsked, type Past, readPast } from './past.ts'
import { MOST_POINTS } from './series.ts'
import type { Topic } from './topics.ts'

/** One line of a chart. */
export interface Line {
  readonly label: string
  /** Times in seconds since the Unix epoch, rising; null as a value is a break. */
  readonly points: readonly [times: number[], values: (number | null)[]]
}

/** The lines of a chart: what the gateway's log has, and from there on what the page has seen. */
export interface Lines {
  /** Reads the log for the last `seconds`, or for all of it where that is 0. Ends what it was reading before. */
  load(topics: readonly Topic[], seconds: number): void
  /** Reads again, without taking away what is there. */
  reload(): void
  /** Reads again where so many live points have come that the page will forget the oldest of them, or late ones, which belong to the past. */
  renew(): void
  /** Ends what is being read. */
  stop(): void
  of(topics: readonly Topic[]): Line[]
  /** Where the time that was chosen begins, in milliseconds since the Unix epoch. */
  since(): number
  state(): LinesState
}

export interface LinesState {
  readonly kind: 'loading' | 'ready' | 'failed'
  /** What there is to say about it, one sentence each. */
  readonly sentences: readonly string[]
}

interface Known extends Past {
  /** Milliseconds since the Unix epoch: live points go on from here. */
  readonly before: number
}

const SHORTEST = 600
/** Half of what the page keeps of a line. */
const MOST_LIVE = MOST_POINTS / 2
/** Between two readings. */
const RENEW_MS = 30_000

/** What the line of a number is called. */
type LabelOf = (topic: string, field: string) => string

/** `changed` is called when there is more to draw or to say. */
export function createLines(changed: () => void, labelOf: LabelOf = plainLabel): Lines {
  let pasts = new Map<string, Known>()
  let topics: readonly Topic[] = []
  let chosen = 0
  let seconds = SHORTEST
  let reading = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let kind: LinesState['kind'] = 'ready'
  let trouble = ''
  let readAt = 0

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
    if (chosen === 0) {
      const ages = []
      for (const { name } of topics) {
        const age = await ageOf(name, signal)
        if (typeof age !== 'number') return age
        ages.push(age)
      }
      seconds = Math.max(SHORTEST, ...ages)
    }
    for (const topic of topics) {
      // of messages that are on the page none is counted twice
      const before = Math.max(topic.latest.time + 1, Date.now() - seconds * 500)
      for (const field of fieldsOf(topic).filter(canBeAsked)) {
        const wanted = { topic: topic.name, field, before }
        const past = await readPast(wanted, seconds, bucketOf(seconds), signal)
        if ('failure' in past) return past
        pasts.set(keyOf(topic, field), { ...past, before })
        changed()
      }
    }
    return null
  }

  function fail({ failure, retryAfter }: Failure): void {
    trouble = `What came before could not be loaded: ${failure}`
    if (retryAfter === null) return
    trouble += ` Trying again in ${retryAfter} s.`
    timer = setTimeout(() => void read(), retryAfter * 1000)
  }

  function liveOf(topic: Topic, field: string) {
    const before = pasts.get(keyOf(topic, field))?.before ?? 0
    return topic.series.get(field)?.since(Math.max(since(), before)) ?? [[], []]
  }

  function lineOf(topic: Topic, field: string): Line {
    const label = labelOf(topic.name, field)
    const past = pasts.get(keyOf(topic, field))
    const [liveTimes, liveValues] = liveOf(topic, field)
    if (!past) return { label, points: [liveTimes, liveValues] }
    const first = past.times.findIndex((time) => time * 1000 >= since())
    const start = first === -1 ? past.times.length : first
    return {
      label,
      points: [
        [...past.times.slice(start), ...liveTimes],
        [...past.values.slice(start), ...liveValues],
      ],
    }
  }

  const since = () => Date.now() - seconds * 1000

  return {
    load(next, range) {
      if (range !== chosen) pasts = new Map()
      topics = next
      chosen = range
      if (range !== 0) seconds = range
      void read()
    },
    reload: () => void read(),
    renew() {
      if (kind !== 'ready') return
      const isLong = (topic: Topic) =>
        fieldsOf(topic).some((field) => liveOf(topic, field)[0].length > MOST_LIVE)
      const isLate = topics.some(({ lateAt }) => lateAt >= readAt)
      if (!isLate && !topics.some(isLong)) return
      const wait = readAt + RENEW_MS - Date.now()
      if (wait <= 0) void read()
      else timer ??= setTimeout(() => void read(), wait)
    },
    stop,
    of: (topics) =>
      topics
        .flatMap((topic) => fieldsOf(topic).map((field) => lineOf(topic, field)))
        .filter(({ points: [times] }) => times.length > 0),
    since,
    state() {
      const shown = topics.flatMap((topic) =>
        fieldsOf(topic).map((field) => pasts.get(keyOf(topic, field))),
      )
      const known = shown.filter((past) => past !== undefined)
      const sentences = new Set(known.flatMap(({ gaps }) => gaps))
      if (known.some(({ isCut }) => isCut))
        sentences.add('There are too many messages to show: the oldest are left out.')
      const unasked = topics.flatMap(fieldsOf).filter((field) => !canBeAsked(field))
      if (unasked.length > 0)
        sentences.add(`${unasked.map(namesOf).join(', ')}: shown from when this page was opened.`)
      if (kind === 'loading') sentences.add('Loading what came before…')
      if (trouble !== '') sentences.add(trouble)
      if (known.some(({ times }) => times.length > 0))
        sentences.add(
          `Older points are means of ${spanText(bucketOf(seconds))} each, the newest are single messages.`,
        )
      return { kind, sentences: [...sentences] }
    },
  }
}

/** A topic whose messages here have no numbers may have had some before. */
function fieldsOf({ series }: Topic): string[] {
  return series.size === 0 ? [''] : [...series.keys()]
}

/** No topic holds U+0000 [MQTT-1.5.4-2]. */
function keyOf({ name }: Topic, field: string): string {
  return `${name}\0${field}`
}

/** What the line of a number is called where nobody says. */
export function plainLabel(topic: string, field: string): string {
  return field === '' ? topic : `${topic} ${namesOf(field)}`
}

/** As its publisher wrote it. */
function namesOf(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1')
}

function spanText(seconds: number): string {
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${seconds / 60} min`
  return seconds < 86_400 ? `${seconds / 3600} h` : `${seconds / 86_400} d`
}
