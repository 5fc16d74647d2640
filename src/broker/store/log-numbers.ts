import { randomBytes } from 'node:crypto'
import type { OldNumbers } from '../broker.ts'
import type { LogMeta } from './log-meta.ts'
import type { StoreContext } from './store-context.ts'

/** Numbers are marked as given in blocks of this size, in advance, so that none is given twice, even after a crash. */
export const BLOCK = 2 ** 32

/** The numbers of the messages in the log, which grow across restarts. */
export function createLogNumbers({ journal }: Pick<StoreContext, 'journal'>, meta: LogMeta) {
  let epoch = randomBytes(6).toString('hex')
  let start = 0
  let latest = 0
  /** The number at which the next block is marked. */
  let renewAt = 0

  return {
    /** Starts to give numbers, above all earlier ones. Resolves once that is stored. */
    async begin(): Promise<void> {
      start = Math.max(meta.number('mark'), meta.number('last'))
      renewAt = start + BLOCK / 2
      latest = start
      const isFirst = meta.text('epoch') === undefined
      epoch = meta.text('epoch') ?? epoch
      const changes = [meta.set('epoch', epoch), meta.set('mark', start + BLOCK)]
      if (!isFirst && meta.text('clean') !== '1') changes.push(meta.set('restart', start))
      await journal.append([...changes, meta.set('clean', '0')])
    },
    /** Identifies the numbering: numbers of another one have no meaning here. */
    epoch: () => epoch,
    /** The numbering that was used before there was a log; null if there was none. */
    oldNumbers(): OldNumbers | null {
      const oldEpoch = meta.text('oldEpoch')
      if (oldEpoch === undefined) return null
      return {
        epoch: oldEpoch,
        offset: meta.number('oldOffset'),
        latest: meta.number('oldLatest'),
      }
    },
    /** Greater than all numbers that were given before this process started. */
    start: () => start,
    /** The number of the latest delivered message. */
    latest: () => latest,
    /** Notes that a number was given. */
    noteGiven(number: number): void {
      latest = number
      if (number <= renewAt) return
      renewAt = number + BLOCK / 2
      journal.later('mark', meta.set('mark', number + BLOCK))
    },
  }
}
