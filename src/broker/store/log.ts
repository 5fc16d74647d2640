import type { GapReason } from '../broker.ts'
import { createLogCollector } from './log-collector.ts'
import { createLogMeta } from './log-meta.ts'
import { createLogNumbers } from './log-numbers.ts'
import { createMessageReader } from './message-reader.ts'
import type { LogState } from './retention.ts'
import type { StoreContext } from './store-context.ts'

export type MessageLog = ReturnType<typeof createMessageLog>

/** The log: every message once, by its number. */
export function createMessageLog(context: StoreContext) {
  const { journal, now } = context
  const meta = createLogMeta()
  const numbers = createLogNumbers(context, meta)
  const collector = createLogCollector(context, meta, numbers.latest)
  const reader = createMessageReader(context, meta, collector.flush)

  function goneUpTo(key: 'trimmed' | 'thinned'): number {
    return Math.max(meta.number(key), journal.logState()?.[key] ?? 0)
  }

  /** Stores all collected changes, and that nothing is missing. */
  async function end(): Promise<void> {
    collector.flush()
    await journal
      .append([meta.set('mark', numbers.latest()), meta.set('clean', '1')])
      // the next start then assumes a crash, which is right
      .catch(() => {})
  }

  return {
    meta,
    ...numbers,
    ...collector,
    ...reader,
    isDurable: journal.isDurable,
    /** By the store's clock. */
    now,
    /** All messages in the log have greater numbers. */
    oldest: () => goneUpTo('trimmed'),
    /** The number of messages, and their bytes; null without a disk, and until the messages from before the start are counted. */
    usage: (): LogState['usage'] => journal.logState()?.usage ?? null,
    /** Why some messages after this number may be missing. */
    gapsAfter(number: number): GapReason[] {
      const gaps = (['restart', 'overload', 'damaged'] as const).filter(
        (reason) => number < meta.number(reason),
      )
      return number < goneUpTo('thinned') ? ['expired', ...gaps] : gaps
    },
    awayAfter: () => 0,
    end,
  }
}
