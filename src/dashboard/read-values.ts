import type { Failure } from './ask.ts'
import { canBeAsked, type Past, readMessages, readPast } from './past.ts'
import { isNumber, isState, keyOf, type Source } from './source.ts'
import type { Fixed } from './span.ts'
import type { StreamMessage, Topic } from './topics.ts'

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

/** What was read from the log. */
export interface KnownValues {
  /** By the keys of their sources. */
  numbers: Map<string, KnownNumbers>
  /** By the names of their topics. */
  states: Map<string, KnownStates>
}

export interface ReadOptions {
  /** The time to read of a topic. */
  timeOf(topic: Topic): Fixed
  /** The length of a bucket in seconds. */
  readonly every: number
  readonly signal: AbortSignal
  /** Called with the part that is read, up to 1. */
  onProgress(part: number): void
}

/** Reads the values of all sources into `known`, one after another. Resolves with the failure that ended it, or null. */
export async function readValues(
  sources: readonly Source[],
  known: KnownValues,
  { timeOf, every, signal, onProgress }: ReadOptions,
): Promise<Failure | null> {
  const withNumbers = sources.filter(isNumber).filter(({ field }) => canBeAsked(field))
  const withStates = new Set(sources.filter(isState).map(({ topic }) => topic))
  const all = withNumbers.length + withStates.size
  let done = 0

  async function readNumbers(source: Source): Promise<Failure | null> {
    const wanted = { ...timeOf(source.topic), topic: source.topic.name, field: source.field }
    const take = (past: Past) => known.numbers.set(keyOf(source), { ...past, before: wanted.to })
    const past = await readPast(wanted, every, signal, (found, part) => {
      take(found)
      onProgress((done + part) / all)
    })
    if ('failure' in past) return past
    take(past)
    return null
  }

  async function readStates(topic: Topic): Promise<Failure | null> {
    const wanted = timeOf(topic)
    const past = await readMessages(topic.name, wanted, signal)
    if ('failure' in past) return past
    known.states.set(topic.name, { ...past, before: wanted.to })
    return null
  }

  const steps = [
    ...withNumbers.map((source) => () => readNumbers(source)),
    ...[...withStates].map((topic) => () => readStates(topic)),
  ]
  for (const step of steps) {
    const failure = await step()
    if (failure) return failure
    done += 1
    onProgress(done / all)
  }
  return null
}
