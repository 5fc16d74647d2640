import type { Delivery } from '../delivery.ts'
import type { Change } from './changes.ts'
import { byteLength, toAppend } from './columns.ts'
import type { LogMeta } from './log-meta.ts'
import type { StoreContext } from './store-context.ts'

/** How long messages that nobody waits for are collected before a commit, and how many changes. */
const COLLECTED_MS = 100
const COLLECTED = 1_000
/** Bytes of collected messages that may wait for the disk; later ones are left out of the log. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024

/** Messages, with changes that refer to them, which are stored in one commit. */
interface Batch {
  readonly changes: Change[]
  messages: number
  bytes: number
  /** Called if the batch cannot be stored. */
  readonly whenLost: (() => void)[]
}

/** Collects messages that nobody waits for, and stores them together. `latest` is the number of the latest delivered message. */
export function createLogCollector(
  { journal, onBound }: Pick<StoreContext, 'journal' | 'onBound'>,
  meta: LogMeta,
  latest: () => number,
) {
  let batch = createBatch()
  /** Bytes of the batches that are being stored. */
  let underway = 0
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (batch.changes.length > 0) void storeBatch()
  }

  async function storeBatch(): Promise<void> {
    const { changes, messages, bytes, whenLost } = batch
    batch = createBatch()
    underway += bytes
    try {
      await journal.append(changes)
    } catch {
      leaveOut(latest(), messages)
      for (const onLost of whenLost) onLost()
    } finally {
      underway -= bytes
    }
  }

  function hasRoom(): boolean {
    return batch.bytes + underway <= MOST_WAITING_BYTES
  }

  /** Readers that resume from before this number are told that messages may be missing. */
  function leaveOut(number: number, count = 1): void {
    onBound('log_overload', count)
    journal.later('overload', meta.set('overload', number))
  }

  return {
    flush,
    leaveOut,
    /** Whether the disk is fast enough for messages that nobody waits for. */
    hasRoom,
    /**
     * Stores a message within a second, with a change that refers to it. Nobody waits for it: if there is no room it is left
     * out, unless it has a change. `onLost` is called if the disk fails to store it.
     */
    note(delivery: Delivery, change?: Change, onLost?: () => void): void {
      if (!journal.isDurable) return
      if (change === undefined && !hasRoom()) {
        leaveOut(delivery.sequence)
        return
      }
      batch.changes.push(toAppend(delivery))
      if (change) batch.changes.push(change)
      if (onLost) batch.whenLost.push(onLost)
      batch.messages += 1
      batch.bytes += byteLength(delivery)
      if (batch.changes.length >= COLLECTED) flush()
      else timer ??= setTimeout(flush, COLLECTED_MS)
    },
  }
}

function createBatch(): Batch {
  return { changes: [], messages: 0, bytes: 0, whenLost: [] }
}
