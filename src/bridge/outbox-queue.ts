import { setTimeout as wait } from 'node:timers/promises'
import type { BrokerLog } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { ownMessage } from '../broker/store/columns.ts'
import type { ForwardPosition } from '../broker/store/forward-position.ts'
import { type ForwardSelection, isForwarded } from '../broker/store/forward-selection.ts'
import type { BridgeLoss } from '../metrics/meter.ts'
import { createBacklog } from './backlog.ts'

/** Why a message that was read from the log is not sent to the other broker. */
export type Loss = Exclude<BridgeLoss, 'no_room'>

export interface OutboxQueueOptions {
  readonly log: Pick<BrokerLog, 'read' | 'now'>
  readonly forwardPosition: ForwardPosition
  readonly forwardSelection: ForwardSelection
  /** Messages, and bytes of them, that may be unacknowledged; one message may be larger. */
  readonly window: { readonly messages: number; readonly bytes: number }
  /** The delivery is null when it cannot be read. */
  onLost(loss: Loss, delivery: Delivery | null, reason?: Error): void
  /** The log cannot be read now; it is tried again. */
  onUnreadable(error: unknown): void
}

/** The next messages for the other broker: those in memory, and those that still have to be read from the log. */
export interface OutboxQueue {
  /** Those in memory, in order. */
  messages(): readonly Delivery[]
  /** Removes the first `count` messages in memory. */
  drop(count: number): void
  /** Puts messages in front of the others. */
  putBack(deliveries: readonly Delivery[]): void
  /** Called for each delivered message, in order; returns whether there is more to send or to read. */
  note(delivery: Delivery): boolean
  /** `count` messages were deleted from the log before they were read. */
  noteDeleted(count: number): void
  /** The number up to which the log is read. */
  readUpTo(): number
  isAllRead(): boolean
  /** Reads the next part of the log into memory, which must be empty. Waits a moment if the log cannot be read. */
  read(): Promise<void>
  /** All messages, in memory and to be read; null until those from before the start are counted. */
  length(): number | null
}

/** The pause before the log is read again after it could not be read. */
const RETRY_MS = 1_000

/** `stop` ends the wait of `read`. */
export function createOutboxQueue(
  { log, forwardPosition, forwardSelection, window, onLost, onUnreadable }: OutboxQueueOptions,
  stop: AbortSignal,
): OutboxQueue {
  let readUpTo = forwardPosition.position()
  let latest = forwardPosition.latest()
  let isReading = false
  let messages: Delivery[] = []
  const backlog = createBacklog()
  forwardPosition.count(readUpTo, latest).then(backlog.startWith, onUnreadable)

  const isWanted = ({ topic, device }: Delivery) => isForwarded(forwardSelection, topic, device)

  return {
    messages: () => messages,
    drop: (count) => void messages.splice(0, count),
    putBack: (deliveries) => void messages.unshift(...deliveries),
    note(delivery) {
      const isNext = readUpTo === latest && !isReading
      const isSmall = delivery.payload.length <= window.bytes / window.messages
      latest = delivery.sequence
      const wanted = isWanted(delivery)
      // nothing is between it and what was read, so it need not be read again
      const isRead = isNext && (!wanted || (isSmall && messages.length < window.messages))
      if (isRead) readUpTo = latest
      if (wanted && isRead) messages.push(ownMessage(delivery))
      if (wanted && !isRead) backlog.note()
      return wanted || !isRead
    },
    noteDeleted: backlog.lost,
    readUpTo: () => readUpTo,
    isAllRead: () => readUpTo === latest,
    async read() {
      const upTo = latest
      isReading = true
      backlog.beginReading()
      try {
        const page = await log.read({ after: readUpTo, upTo, filters: forwardSelection.filters })
        const damaged = page.damaged?.length ?? 0
        for (let count = 0; count < damaged; count++) onLost('damaged', null)
        messages = page.deliveries.filter(isWanted)
        readUpTo = page.reached
        backlog.endReading(messages.length + damaged, readUpTo >= upTo)
      } catch (error) {
        onUnreadable(error)
        await wait(RETRY_MS, null, { signal: stop }).catch(() => {})
      } finally {
        isReading = false
      }
    },
    length() {
      const count = backlog.count()
      return count === null ? null : count + messages.length
    },
  }
}
