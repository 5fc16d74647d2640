import type { ForwardSelection } from './forward-selection.ts'
import type { MessageLog } from './log.ts'
import type { StoreContext } from './store-context.ts'

/** The position up to which the log is forwarded to another broker. */
export interface ForwardPosition {
  /** All messages up to this number are forwarded, or need not be. The log keeps later ones as long as it has room. */
  position(): number
  /** The number of the latest delivered message. */
  latest(): number
  /** Moves the position. It is stored within about a second, so after a crash some messages are forwarded again. */
  moveTo(position: number): void
  /** How many messages after one number, up to another, are to be forwarded. */
  count(after: number, upTo: number): Promise<number>
  /** The position is stored before the store closes. */
  end(): void
}

const STORED_EVERY_MS = 1_000

/** Continues at the stored position. A log that was never forwarded is forwarded from its end on. */
export async function openForwardPosition(
  { journal }: StoreContext,
  log: MessageLog,
  forwardSelection: ForwardSelection,
): Promise<ForwardPosition> {
  let position =
    log.meta.text('forwarded') === undefined ? log.start() : log.meta.number('forwarded')
  let timer: NodeJS.Timeout | undefined
  // stored now: after a crash in the first second the next start must not skip messages
  await journal.append([toChange()])

  function toChange() {
    return ['meta', 'forwarded', String(position)] as const
  }

  function write(): void {
    clearTimeout(timer)
    timer = undefined
    journal.later('forwarded', toChange())
  }

  return {
    position: () => position,
    latest: log.latest,
    moveTo(to) {
      position = to
      timer ??= setTimeout(write, STORED_EVERY_MS).unref()
    },
    count: (after, upTo) => journal.count({ after, upTo, forwardSelection }),
    end() {
      if (timer) write()
    },
  }
}
