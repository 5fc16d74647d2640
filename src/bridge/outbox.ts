import type { Delivery } from '../broker/delivery.ts'
import { byteLength } from '../broker/store/columns.ts'
import { createCulprit } from './culprit.ts'
import { createInFlight, type SentMessage } from './in-flight.ts'
import { createOutboxQueue, type Loss, type OutboxQueueOptions } from './outbox-queue.ts'

export interface OutboxOptions extends OutboxQueueOptions {
  /**
   * Resolves when the other broker has acknowledged the message, or with the reason why it always refuses it. Rejects when it may
   * accept it later. `carefully`: only after the broker has answered a PINGREQ.
   */
  send(delivery: Delivery, how?: 'carefully'): Promise<Error | null>
  isConnected(): boolean
  onForwarded(): void
}

/** Sends the log to the other broker, in order, from the last acknowledged message on. */
export interface Outbox {
  /** Called for each delivered message, in order. */
  note(delivery: Delivery): void
  /** `count` messages were deleted from the log before they were read. */
  noteDeleted(count: number): void
  /** Called for each new connection. */
  connected(): void
  /** As `connected`, when the other broker closed the last connection with `underway` unacknowledged messages. */
  cut(underway: number): void
  /** Messages that the other broker has not acknowledged; null until those from before the start are counted. */
  lag(): number | null
  /** When the oldest of them was taken here, in milliseconds since the Unix epoch; null where there is none. */
  oldest(): number | null
  /** Sends nothing more. Later acknowledgements still count. */
  close(): Promise<void>
}

const ENDS_CONNECTIONS = new Error('it closes each connection because of this message')

/** The pause before a failed message is sent again over the same connection. */
const RETRY_MS = 1_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { log, forwardPosition, window, onLost } = options
  const stop = new AbortController()
  const queue = createOutboxQueue(options, stop.signal)
  const inFlight = createInFlight()
  const culprit = createCulprit()
  // `failed`: nothing is sent until all that was sent is settled; `resting`: nor until there is a reason to try again
  let state: 'sending' | 'failed' | 'resting' | 'closed' = 'sending'
  let awake = Promise.withResolvers<void>()
  let retry: NodeJS.Timeout | undefined

  async function run(): Promise<void> {
    while (!isClosed()) {
      awake = Promise.withResolvers()
      // also without a connection, because the metrics show the age of the oldest message
      if (queue.messages().length === 0 && !queue.isAllRead()) await queue.read()
      sendSome()
      advance()
      if (!isClosed() && (queue.messages().length > 0 || queue.isAllRead())) await awake.promise
    }
  }

  function isClosed(): boolean {
    return state === 'closed'
  }

  function sendSome(): void {
    if (state === 'failed' && !inFlight.isAwaited()) goBack()
    if (state !== 'sending' || !options.isConnected()) return
    const isCareful = culprit.isSought(forwardPosition.position())
    const most = isCareful ? 1 : window.messages
    let taken = 0
    for (const delivery of queue.messages()) {
      const bytes = byteLength(delivery)
      if (inFlight.length() >= most) break
      if (inFlight.length() > 0 && inFlight.bytes() + bytes > window.bytes) break
      taken += 1
      sendOne({ delivery, bytes, state: 'sent' }, isCareful ? 'carefully' : undefined)
    }
    queue.drop(taken)
  }

  /** Puts unacknowledged messages, and all that were sent after them, back into the queue, so that each topic keeps its order. */
  function goBack(): void {
    advance()
    queue.putBack(inFlight.takeAll())
    state = 'resting'
    clearTimeout(retry)
    retry = setTimeout(tryAgain, RETRY_MS)
  }

  function sendOne(message: SentMessage, how?: 'carefully'): void {
    const { expires, sequence } = message.delivery
    inFlight.add(message)
    if (expires !== null && expires <= log.now()) leaveOut(message, 'expired')
    else if (culprit.isFound(sequence)) leaveOut(message, 'refused', ENDS_CONNECTIONS)
    else void awaitAnswer(message, options.send(message.delivery, how))
  }

  async function awaitAnswer(message: SentMessage, answer: Promise<Error | null>): Promise<void> {
    try {
      const refusal = await answer
      if (refusal) onLost('refused', message.delivery, refusal)
      else options.onForwarded()
      message.state = 'done'
    } catch {
      message.state = 'failed'
      if (state === 'sending') state = 'failed'
    }
    advance()
    awake.resolve()
  }

  function leaveOut(message: SentMessage, loss: Loss, reason?: Error): void {
    onLost(loss, message.delivery, reason)
    message.state = 'done'
    // its place is free again
    awake.resolve()
  }

  /** Moves the position forward over messages that are done. */
  function advance(): void {
    const last = inFlight.takeDone()
    const isAll = inFlight.length() === 0 && queue.messages().length === 0
    const position = isAll ? queue.readUpTo() : last?.sequence
    if (position !== undefined && position > forwardPosition.position())
      forwardPosition.moveTo(position)
  }

  function firstUnacknowledged(): Delivery | undefined {
    return inFlight.first() ?? queue.messages()[0]
  }

  function tryAgain(): void {
    clearTimeout(retry)
    if (state === 'resting') state = 'sending'
    awake.resolve()
  }

  const running = run()
  return {
    note(delivery) {
      if (queue.note(delivery)) awake.resolve()
      else advance()
    },
    noteDeleted: queue.noteDeleted,
    connected: tryAgain,
    cut(underway) {
      // if messages are sent one at a time, it is the first that is not acknowledged
      const alone = underway === 1 ? firstUnacknowledged()?.sequence : undefined
      culprit.cut(forwardPosition.position(), alone ?? null)
    },
    lag() {
      const waiting = queue.length()
      return waiting === null ? null : waiting + inFlight.unfinished()
    },
    oldest: () => firstUnacknowledged()?.received ?? null,
    async close() {
      state = 'closed'
      stop.abort()
      awake.resolve()
      await running
      clearTimeout(retry)
    },
  }
}
