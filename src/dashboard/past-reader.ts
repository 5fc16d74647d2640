import type { Failure } from './ask.ts'
import { ageOf, bucketOf, canBeAsked, type Past, readMessages, readPast } from './past.ts'
import { isNumber, isState, keyOf, type Source } from './source.ts'
import type { Fixed, Span } from './span.ts'
import type { StreamMessage, Topic } from './topics.ts'

/** What the log has of some values in a time, read step by step. */
export interface PastReader {
  /** Reads other values, or another time. Ends what it was reading before. */
  choose(sources: readonly Source[], span: Span): void
  /** Reads the same again, without taking away what is there. */
  read(): void
  /** Reads the same again at this time, in milliseconds since the Unix epoch, unless it is read earlier. */
  readAt(time: number): void
  /** Ends what is being read. */
  stop(): void
  numbersOf(source: Source): KnownNumbers | undefined
  statesOf(topic: Topic): KnownStates | undefined
  /** The time that was chosen. */
  shown(): Fixed
  /** The length of a bucket in seconds. */
  every(): number
  status(): ReadStatus
}

export interface ReadStatus {
  readonly kind: 'loading' | 'ready' | 'failed'
  /** How much of it was loaded, up to 1. */
  readonly progress: number
  /** Why nothing was loaded, as a sentence; empty where nothing failed. */
  readonly trouble: string
  /** When it was read last, in milliseconds since the Unix epoch. */
  readonly began: number
}

export interface KnownNumbers extends Past {
  /** Milliseconds since the Unix epoch: live points go on from here. */
  readonly before: number
}

export interface KnownStates {
  /** Oldest first. */
  readonly messages: readonly StreamMessage[]
  readonly isCut: boolean
  readonly before: number
}

const SHORTEST = 600

/** `changed` is called when there is more of it, or of its status. */
export function createPastReader(changed: () => void): PastReader {
  let numbers = new Map<string, KnownNumbers>()
  let states = new Map<string, KnownStates>()
  let sources: readonly Source[] = []
  let span: Span = { last: SHORTEST }
  /** The age of the oldest message in seconds, for a chart of everything. */
  let age = SHORTEST
  let reading = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let status: ReadStatus = { kind: 'ready', progress: 1, trouble: '', began: 0 }

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

  function readAt(time: number): void {
    const wait = time - Date.now()
    if (wait <= 0) void read()
    else timer ??= setTimeout(() => void read(), wait)
  }

  async function read(): Promise<void> {
    stop()
    reading = new AbortController()
    const { signal } = reading
    status = { kind: 'loading', progress: 0, trouble: '', began: Date.now() }
    changed()
    try {
      const failure = await readAll(signal)
      status = { ...status, kind: failure ? 'failed' : 'ready' }
      if (failure) fail(failure)
      changed()
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  async function readAll(signal: AbortSignal): Promise<Failure | null> {
    const topics = new Set(sources.map(({ topic }) => topic))
    if ('last' in span && span.last === 0) {
      const failure = await readAge(topics, signal)
      if (failure) return failure
    }
    const withNumbers = sources.filter(isNumber).filter(({ field }) => canBeAsked(field))
    const withStates = [...topics].filter((topic) =>
      sources.some((source) => source.topic === topic && isState(source)),
    )
    const all = withNumbers.length + withStates.length
    let done = 0
    const step = (part: number) => {
      status = { ...status, progress: (done + part) / all }
      changed()
    }
    for (const source of withNumbers) {
      const failure = await readNumbers(source, signal, step)
      if (failure) return failure
      done += 1
      step(0)
    }
    for (const topic of withStates) {
      const failure = await readStates(topic, signal)
      if (failure) return failure
      done += 1
      step(0)
    }
    return null
  }

  async function readAge(topics: ReadonlySet<Topic>, signal: AbortSignal): Promise<Failure | null> {
    const ages = []
    for (const { name } of topics) {
      const found = await ageOf(name, signal)
      if (typeof found !== 'number') return found
      ages.push(found)
    }
    age = Math.max(SHORTEST, ...ages)
    return null
  }

  async function readNumbers(
    source: Source,
    signal: AbortSignal,
    step: (part: number) => void,
  ): Promise<Failure | null> {
    const wanted = { ...timeOf(source.topic), topic: source.topic.name, field: source.field }
    const take = (past: Past) => numbers.set(keyOf(source), { ...past, before: wanted.to })
    const past = await readPast(wanted, every(), signal, (part, read) => {
      take(part)
      step(read)
    })
    if ('failure' in past) return past
    take(past)
    return null
  }

  async function readStates(topic: Topic, signal: AbortSignal): Promise<Failure | null> {
    const wanted = timeOf(topic)
    const past = await readMessages(topic.name, wanted, signal)
    if ('failure' in past) return past
    states.set(topic.name, { ...past, before: wanted.to })
    return null
  }

  /** What to ask the log for: no message that is on the page is counted twice. */
  function timeOf(topic: Topic): Fixed {
    const { from, to } = shown()
    const known = Math.max(topic.latest.time + 1, Math.ceil((from + to) / 2))
    return { from, to: 'from' in span ? Math.min(to, known) : known }
  }

  function fail({ failure, retryAfter }: Failure): void {
    const again = retryAfter === null ? '' : ` Trying again in ${retryAfter} s.`
    const trouble = `What came before could not be loaded: ${failure}${again}`
    status = { ...status, trouble }
    if (retryAfter !== null) timer = setTimeout(() => void read(), retryAfter * 1000)
  }

  return {
    choose(next, wanted) {
      const keys = new Set(next.map(keyOf))
      const isSameTime = 'last' in span && 'last' in wanted && span.last === wanted.last
      // while a closer look is loaded, the coarse one stays
      const isStale = 'last' in wanted && !isSameTime
      numbers = isStale ? new Map() : new Map([...numbers].filter(([key]) => keys.has(key)))
      if (isStale) states = new Map()
      sources = next
      span = wanted
      void read()
    },
    read: () => void read(),
    readAt,
    stop,
    numbersOf: (source) => numbers.get(keyOf(source)),
    statesOf: ({ name }) => states.get(name),
    shown,
    every,
    status: () => status,
  }
}
