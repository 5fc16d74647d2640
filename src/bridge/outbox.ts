import { setTimeout as wait } from 'node:timers/promises'
import type { BrokerLog } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { byteLength, ownMessage } from '../broker/store/columns.ts'
import { type Forwarded, isForwarded } from '../broker/store/forwarded.ts'
import type { Forwarding } from '../broker/store/forwarding.ts'
import type { BridgeLoss } from '../metrics/meter.ts'
import { createBacklog } from './backlog.ts'
import { createCulprit } from './culprit.ts'

/** Why a message that was read from the log is not sent to the other broker. */
export type Loss = Exclude<BridgeLoss, 'no_room'>

export interface OutboxOptions {
  readonly log: Pick<BrokerLog, 'read' | 'now'>
  readonly forwarding: Forwarding
  readonly forwarded: Forwarded
  /** Messages, and bytes of them, that may be unacknowledged; one message may be larger. */
  readonly window: { readonly messages: number; readonly bytes: number }
  /**
   * Resolves when the other broker has acknowledged the message, or with the reason why it always refuses it. Rejects when it may
   * accept it later. `carefully`: only after the broker has answered a PINGREQ.
   */
  send(delivery: Delivery, how?: 'carefully'): Promise<Error | null>
  isConnected(): boolean
  onForwarded(): void
  /** The delivery is null when it cannot be read. */
  onLost(loss: Loss, delivery: Delivery | null, reason?: Error): void
  /** The log cannot be read now; it is tried again. */
  onUnreadable(error: unknown): void
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

interface Sent {
  readonly delivery: Delivery
  readonly bytes: number
  state: 'sent' | 'done' | 'failed'
}

const ENDS_CONNECTIONS = new Error('it closes each connection because of this message')

/** The pause before a failed message is sent again over the same connection. */
const RETRY_MS = 1_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { log, forwarding, forwarded, window, onLost } = options
  /** The log is read up to here: each message to send is in `queue` or `sent`. */
  let read = forwarding.position()
  let latest = forwarding.latest()
  let isReading = false
  let queue: Delivery[] = []
  let sent: Sent[] = []
  let sentBytes = 0
  // `failed`: nothing is sent until all that was sent is settled; `resting`: nor until there is a reason to try again
  let state: 'sending' | 'failed' | 'resting' | 'closed' = 'sending'
  let awake = Promise.withResolvers<void>()
  let retry: NodeJS.Timeout | undefined
  const stop = new AbortController()
  const backlog = createBacklog()
  const culprit = createCulprit()
  forwarding.count(read, latest).then(backlog.startWith, options.onUnreadable)

  const isWanted = ({ topic, device }: Delivery) => isForwarded(forwarded, topic, device)

  async function run(): Promise<void> {
    while (!isClosed()) {
      awake = Promise.withResolvers()
      if (queue.length === 0 && read < latest) await readOn()
      sendSome()
      advance()
      if (!isClosed() && (queue.length > 0 || read === latest)) await awake.promise
    }
  }

  function isClosed(): boolean {
    return state === 'closed'
  }

  /** Reads the next part of the log; also without a connection, because the metrics show the age of the oldest message. */
  async function readOn(): Promise<void> {
    const upTo = latest
    isReading = true
    backlog.beginReading()
    try {
      const page = await log.read({ after: read, upTo, filters: forwarded.filters })
      const damaged = page.damaged?.length ?? 0
      for (let count = 0; count < damaged; count++) onLost('damaged', null)
      queue = page.deliveries.filter(isWanted)
      read = page.reached
      backlog.endReading(queue.length + damaged, read >= upTo)
    } catch (error) {
      options.onUnreadable(error)
      await wait(RETRY_MS, null, { signal: stop.signal }).catch(() => {})
    } finally {
      isReading = false
    }
  }

  function sendSome(): void {
    if (state === 'failed' && !sent.some((one) => one.state === 'sent')) goBack()
    if (state !== 'sending' || !options.isConnected()) return
    const isCareful = culprit.isSought(forwarding.position())
    const most = isCareful ? 1 : window.messages
    let taken = 0
    for (const delivery of queue) {
      const bytes = byteLength(delivery)
      if (sent.length >= most) break
      if (sent.length > 0 && sentBytes + bytes > window.bytes) break
      taken += 1
      sendOne({ delivery, bytes, state: 'sent' }, isCareful ? 'carefully' : undefined)
    }
    queue.splice(0, taken)
  }

  /** Puts unacknowledged messages, and all that were sent after them, back into the queue, so that each topic keeps its order. */
  function goBack(): void {
    advance()
    queue.unshift(...sent.map(({ delivery }) => delivery))
    sent = []
    sentBytes = 0
    state = 'resting'
    wakeLater()
  }

  function sendOne(one: Sent, how?: 'carefully'): void {
    const { delivery, bytes } = one
    sent.push(one)
    sentBytes += bytes
    if (delivery.expires !== null && delivery.expires <= log.now()) leaveOut(one, 'expired')
    else if (culprit.isFound(delivery.sequence)) leaveOut(one, 'refused', ENDS_CONNECTIONS)
    else hand(one, how)
  }

  function hand(one: Sent, how?: 'carefully'): void {
    const { delivery } = one
    options.send(delivery, how).then(
      (refusal) => {
        if (refusal) onLost('refused', delivery, refusal)
        else options.onForwarded()
        one.state = 'done'
        settled()
      },
      () => {
        one.state = 'failed'
        if (state === 'sending') state = 'failed'
        settled()
      },
    )
  }

  function leaveOut(one: Sent, loss: Loss, reason?: Error): void {
    onLost(loss, one.delivery, reason)
    one.state = 'done'
    // its place is free again
    awake.resolve()
  }

  function settled(): void {
    advance()
    awake.resolve()
  }

  /** Moves the position forward over messages that are done. */
  function advance(): void {
    let count = 0
    while (sent[count]?.state === 'done') {
      sentBytes -= sent[count]?.bytes ?? 0
      count += 1
    }
    const [last] = sent.splice(0, count).slice(-1)
    const isAll = sent.length === 0 && queue.length === 0
    const position = isAll ? read : last?.delivery.sequence
    if (position !== undefined && position > forwarding.position()) forwarding.moveTo(position)
  }

  /** That is not acknowledged. */
  function first(): Delivery | undefined {
    return sent.find(({ state: its }) => its !== 'done')?.delivery ?? queue[0]
  }

  function wakeLater(): void {
    clearTimeout(retry)
    retry = setTimeout(tryAgain, RETRY_MS)
  }

  function tryAgain(): void {
    clearTimeout(retry)
    if (state === 'resting') state = 'sending'
    awake.resolve()
  }

  const running = run()
  return {
    note(delivery) {
      const isNext = read === latest && !isReading
      const isSmall = delivery.payload.length <= window.bytes / window.messages
      latest = delivery.sequence
      const wanted = isWanted(delivery)
      // nothing is between it and what was read, so it need not be read again
      const isRead = isNext && (!wanted || (isSmall && queue.length < window.messages))
      if (isRead) read = latest
      if (wanted && isRead) queue.push(ownMessage(delivery))
      if (wanted && !isRead) backlog.note()
      if (wanted || !isRead) awake.resolve()
      else advance()
    },
    noteDeleted: backlog.lost,
    connected: tryAgain,
    cut(underway) {
      // where messages go one at a time it is the first that is not acknowledged
      const alone = underway === 1 ? first()?.sequence : undefined
      culprit.cut(forwarding.position(), alone ?? null)
    },
    lag() {
      const count = backlog.count()
      if (count === null) return null
      return count + queue.length + sent.filter(({ state: its }) => its !== 'done').length
    },
    oldest() {
      return first()?.received ?? null
    },
    async close() {
      state = 'closed'
      stop.abort()
      awake.resolve()
      await running
      clearTimeout(retry)
    },
  }
}
