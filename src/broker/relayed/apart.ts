import { setTimeout as startTimer } from 'node:timers'
import type { GatewayError } from '../../errors.ts'
import type { UplinkMessage } from '../../uplink/message.ts'
import { type RefusedMessage, unavailable } from '../../uplink/refusals.ts'
import type { Uplink } from '../../uplink/uplink.ts'
import type { SenderId } from './suspects.ts'

export interface ApartOptions {
  open(): Uplink
  /** Milliseconds that a message may wait for its turn and for its acknowledgement. */
  readonly deadlineMs: number
  /** Milliseconds that the connection is kept after its last use. */
  readonly releaseMs: number
  /** Messages that may wait. */
  readonly most: number
  /** Why the device may not publish now; null when it may. */
  refusalOf(sender: SenderId): RefusedMessage | null
  onRefused(refusal: RefusedMessage): void
  onAcknowledged(message: UplinkMessage): void
}

/** A second connection to the other broker, for devices whose messages may have made it close the shared one. */
export interface Apart {
  /** Resolves once the broker has read the message and, for QoS 1, acknowledged it. */
  publish(message: UplinkMessage): Promise<void>
  /** Whether messages of this device wait. */
  holds(sender: SenderId): boolean
  /** Checks that the connection, if there is one, still works; if not, a new one is made. */
  check(ms: number): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  readonly message: UplinkMessage
  /** In milliseconds. */
  readonly until: number
  readonly done: PromiseWithResolvers<void>
}

/** A client without a connection to the broker is told so within this time. */
const CONNECT_MS = 2_000
const STOPPING = unavailable('away', 'the gateway is stopping')

/** Sends one message at a time, so that it is clear which one makes the broker close the connection. Devices take turns. */
export function createApart(options: ApartOptions): Apart {
  const { deadlineMs, releaseMs, most, refusalOf } = options
  const queues = new Map<SenderId, Waiting[]>()
  let uplink: Uplink | null = null
  let release: NodeJS.Timeout | undefined
  let count = 0
  let state: 'idle' | 'running' | 'closed' = 'idle'

  function refuse({ done }: Waiting, refusal: RefusedMessage): void {
    count -= 1
    options.onRefused(refusal)
    done.reject(refusal.error)
  }

  async function run(): Promise<void> {
    state = 'running'
    clearTimeout(release)
    for (let turn = queues.entries().next(); !turn.done; turn = queues.entries().next()) {
      const [sender, queue] = turn.value
      const refusal = isClosed() ? STOPPING : refusalOf(sender)
      if (refusal) for (const waiting of queue.splice(0)) refuse(waiting, refusal)
      const waiting = queue[0]
      if (waiting) await deliver(waiting)
      queue.shift()
      queues.delete(sender)
      if (queue.length > 0) queues.set(sender, queue)
    }
    if (isClosed()) return
    state = 'idle'
    release = startTimer(() => void disconnect(), releaseMs).unref()
  }

  const isClosed = () => state === 'closed'

  async function deliver(waiting: Waiting): Promise<void> {
    const { message, until, done } = waiting
    const left = until - performance.now()
    if (left <= 0)
      return refuse(waiting, unavailable('deadline', 'it waited too long for its turn'))
    uplink ??= options.open()
    const to = uplink
    const away = await to
      .connected(Math.min(left, CONNECT_MS))
      .catch((error) => error as GatewayError)
    if (away) return refuse(waiting, { reason: 'away', error: away })
    // with the connection it may have come out what ended the last one
    const refusal = refusalOf(message.sender ?? null)
    if (refusal) return refuse(waiting, refusal)
    try {
      await to.publish(message)
      // QoS 0 has no acknowledgement: an answered PINGREQ proves that the broker has read the message
      if (message.qos === 0) await to.check(deadlineMs)
      options.onAcknowledged(message)
      count -= 1
      done.resolve()
    } catch (error) {
      count -= 1
      done.reject(error)
    }
  }

  async function disconnect(): Promise<void> {
    const old = uplink
    uplink = null
    await old?.close()
  }

  return {
    publish(message) {
      const { sender = null } = message
      const done = Promise.withResolvers<void>()
      const waiting = { message, until: performance.now() + deadlineMs, done }
      count += 1
      const refusal =
        refusalOf(sender) ??
        (isClosed() ? STOPPING : null) ??
        (count > most
          ? unavailable('pending', 'too many messages wait for its acknowledgement')
          : null)
      if (refusal) refuse(waiting, refusal)
      else {
        const queue = queues.get(sender)
        if (queue) queue.push(waiting)
        else queues.set(sender, [waiting])
        if (state === 'idle') void run()
      }
      return done.promise
    },
    async check(ms) {
      // what is wrong with this connection harms nobody but suspects
      await uplink?.check(ms).catch(() => {})
    },
    holds: (sender) => queues.has(sender),
    async close() {
      state = 'closed'
      clearTimeout(release)
      await disconnect()
    },
  }
}
