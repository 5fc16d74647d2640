import type {
  BrokerLog,
  LatePage,
  LateRange,
  LogPage,
  LogRange,
  LogSplit,
  TopicPage,
  TopicRange,
} from '../broker/broker.ts'
import type { GapCause } from './event.ts'
import type { EventIds } from './event-ids.ts'
import type { History } from './history.ts'

/** Reads all that was ever handed on and is still there: from the history where that has it, otherwise from the log. */
export interface LogReader {
  /** The first part of a range, whose `after` is not below `oldest()`; null where some of it has gone meanwhile. */
  read(range: LogRange): Promise<LogPage | null>
  /** The first part of the topics: the latest message of each. */
  readTopics(range: TopicRange): Promise<TopicPage>
  /** The first part of the late messages. */
  readLate(range: LateRange): Promise<LatePage>
  /** Where a time of arrival, in milliseconds since the Unix epoch, falls. */
  split(time: number): Promise<LogSplit>
  /** The number that all that is left came after. */
  oldest(): number
  /** The number of the latest message. */
  latest(): number
  /** Why some of what came after a number may be missing. */
  gapsAfter(number: number): GapCause[]
  /** When it began, in milliseconds since the Unix epoch, where it forgets what came before a restart; otherwise null. */
  readonly began: number | null
  /** Milliseconds by the clock that messages expire by. */
  now(): number
  readonly ids: EventIds
}

export function createLogReader(log: BrokerLog, history: History, ids: EventIds): LogReader {
  let last: Promise<unknown> = Promise.resolve()

  /** One at a time, however many read, so that a commit waits for one read at most. */
  function inTurn<T>(read: () => Promise<T>): Promise<T> {
    const turn = last.then(read)
    last = turn.catch(() => {})
    return turn
  }

  return {
    async read(range) {
      const { after, upTo, newestFirst } = range
      if (after < log.oldest()) return null
      const inMemory = history.earliest()
      if (after >= inMemory) return history.read(range)
      if (newestFirst && upTo > inMemory) return history.read({ ...range, after: inMemory })
      return inTurn(() => log.read({ ...range, upTo: Math.min(upTo, inMemory) }))
    },
    // the log holds what the history has, too
    readTopics: (range) => inTurn(() => log.readTopics(range)),
    readLate: (range) => inTurn(() => log.readLate(range)),
    split: (time) => inTurn(() => log.split(time)),
    oldest: log.oldest,
    latest: history.latest,
    gapsAfter: (number) => [
      ...(number < log.oldest() ? (['expired'] as const) : []),
      ...log.gapsAfter(number),
    ],
    began: log.isDurable ? null : Date.now(),
    now: log.now,
    ids,
  }
}
