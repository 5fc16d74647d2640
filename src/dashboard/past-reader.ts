import type { Failure } from './ask.ts'
import { ageOf, bucketOf } from './past.ts'
import { type KnownNumbers, type KnownStates, type KnownValues, readValues } from './read-values.ts'
import { keyOf, type Source } from './source.ts'
import type { Fixed, Span } from './span.ts'
import type { Topic } from './topics.ts'

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

const SHORTEST = 600

/** `changed` is called when there is more of it, or of its status. */
export function createPastReader(changed: () => void): PastReader {
  const known: KnownValues = { numbers: new Map(), states: new Map() }
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
    if ('last' in span && span.last === 0) {
      const failure = await readAge(new Set(sources.map(({ topic }) => topic)), signal)
      if (failure) return failure
    }
    return readValues(sources, known, {
      timeOf,
      every: every(),
      signal,
      onProgress(progress) {
        status = { ...status, progress }
        changed()
      },
    })
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

  /** What to ask the log for: no message that is on the page is counted twice. */
  function timeOf(topic: Topic): Fixed {
    const { from, to } = shown()
    const end = Math.max(topic.latest.time + 1, Math.ceil((from + to) / 2))
    return { from, to: 'from' in span ? Math.min(to, end) : end }
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
      const numbers = isStale ? [] : [...known.numbers].filter(([key]) => keys.has(key))
      known.numbers = new Map(numbers)
      if (isStale) known.states = new Map()
      sources = next
      span = wanted
      void read()
    },
    read: () => void read(),
    readAt,
    stop,
    numbersOf: (source) => known.numbers.get(keyOf(source)),
    statesOf: ({ name }) => known.states.get(name),
    shown,
    every,
    status: () => status,
  }
}
