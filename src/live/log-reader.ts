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

/** Reads all delivered messages that still exist: from the history in memory if it has them, otherwise from the log. */
export interface LogReader {
  /** The first part of a range, whose `after` is not below `oldest()`; null where some of it was deleted in the meantime. */
  read(range: LogRange): Promise<LogPage | null>
  /** The first part of the topics: the latest message of each. */
  readTopics(range: TopicRange): Promise<TopicPage>
  /** The first part of the late messages. */
  readLate(range: LateRange): Promise<LatePage>
  /** Where a time of arrival, in milliseconds since the Unix epoch, falls. */
  split(time: number): Promise<LogSplit>
  /** All messages that still exist have greater numbers. */
  oldest(): number
  /** The number of the latest message. */
  latest(): number
  /** Why some messages after a number may be missing. */
  gapsAfter(number: number): GapCause[]
  /** When it began, in milliseconds since the Unix epoch, if a restart loses its messages; otherwise null. */
  readonly began: number | null
  /** Milliseconds by the clock that messages expire by. */
  now(): number
  readonly ids: EventIds
}

export function createLogReader(log: BrokerLog, history: History, ids: EventIds): LogReader {
  let last: Promise<unknown> = Promise.resolve()

  /** One read at a time, so that a commit waits for one read at most. */
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
    // the history is not asked, because the log has its messages too
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
