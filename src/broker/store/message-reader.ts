import type {
  LatePage,
  LateRange,
  LogPage,
  LogRange,
  LogSplit,
  TopicPage,
  TopicRange,
} from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Changes } from './changes.ts'
import { fromAppend } from './columns.ts'
import type { LogMeta } from './log-meta.ts'
import type { StoreContext } from './store-context.ts'

interface Rows {
  readonly rows: readonly Changes['append'][]
  readonly damaged: readonly number[]
}

/** Reads the log, and notes damaged messages. `flush` begins to store the messages that are collected. */
export function createMessageReader(
  { journal, onDamage }: Pick<StoreContext, 'journal' | 'onDamage'>,
  meta: LogMeta,
  flush: () => void,
) {
  const damaged = new Set<number>()

  /** Readers that resume from before these numbers are told that messages are missing. */
  function noteDamaged(numbers: readonly number[]): void {
    const found = numbers.filter((number) => !damaged.has(number))
    if (found.length === 0) return
    for (const number of found) damaged.add(number)
    const highest = Math.max(meta.number('damaged'), ...found)
    journal.later('damaged', meta.set('damaged', highest))
    onDamage(found)
  }

  /** Resolves when all delivered messages can be read. */
  async function settled(): Promise<void> {
    flush()
    // a failure is counted where the changes were made
    await journal.append([]).catch(() => {})
  }

  function toPage<Found extends Rows>({ rows, ...rest }: Found) {
    noteDamaged(rest.damaged)
    const deliveries: Delivery[] = rows.map((row) => fromAppend(...row))
    return { ...rest, deliveries }
  }

  return {
    /** The first part of a range: the messages that any filter covers. */
    async read(range: LogRange): Promise<LogPage> {
      await settled()
      return toPage(await journal.read(range))
    },
    /** The first part of the topics: the latest message of each. */
    async readTopics(range: TopicRange): Promise<TopicPage> {
      await settled()
      return toPage(await journal.readTopics(range))
    },
    /** The first part of the late messages. */
    async readLate(range: LateRange): Promise<LatePage> {
      await settled()
      return toPage(await journal.readLate(range))
    },
    /** The place of a time of arrival. */
    async split(time: number): Promise<LogSplit> {
      await settled()
      return journal.split(time)
    },
    /** How many damaged messages were found since the start. */
    damaged: () => damaged.size,
  }
}
