import { setTimeout } from 'node:timers/promises'
import type { BrokerUrl } from '../config/broker-url.ts'
import { messageOf } from '../errors.ts'
import { createAttempts } from './attempts.ts'
import { createBackOff } from './back-off.ts'
import type { Connection } from './connection.ts'
import type { UplinkMessage, UplinkSubscription } from './message.ts'
import type { UplinkOptions } from './options.ts'
import { termsProblem, unavailable } from './refusals.ts'
import { hostAndPort } from './socket.ts'
import { createWindow, type Window } from './window.ts'
import { within } from './within.ts'

/** `connecting`: until there was a first connection or a first failure; `away`: there is none, and it is tried again. */
export type UplinkState = 'connecting' | 'connected' | 'away' | 'closed'

/** The connection to another MQTT broker. A lost connection is made again. */
export interface Uplink {
  /**
   * Resolves at the broker's acknowledgement (QoS 1 and 2) or once it is written (QoS 0). Rejects with a GatewayError:
   * `broker_unavailable` while the broker is away, is too slow or has too much to acknowledge, or what its reason code means.
   */
  publish(message: UplinkMessage): Promise<void>
  /** The broker's reason codes, in the order of the subscriptions: 0 and 1 are granted, those from 0x80 refuse. */
  subscribe(subscriptions: readonly UplinkSubscription[]): Promise<number[]>
  unsubscribe(filters: readonly string[]): Promise<void>
  state(): UplinkState
  /**
   * Resolves once there is a connection, which is tried at once; rejects with `broker_unavailable` after so many milliseconds. An
   * attempt that is older than that, as after the machine was frozen, is given up for another.
   */
  connected(ms: number): Promise<void>
  /**
   * Asks the broker, and resolves once it has answered: it has read all that was written before. Where it does not answer in so
   * many milliseconds, there is another connection soon. Rejects with `broker_unavailable`.
   */
  check(ms: number): Promise<void>
  /** The MQTT version of the connection; null without one. */
  protocol(): 4 | 5 | null
  /** Why there is no connection; null when there is. */
  outage(): string | null
  /** The messages that wait for an acknowledgement. */
  pending(): { readonly messages: number; readonly bytes: number }
  /** Waits for acknowledgements, within the deadline, and disconnects. May be called again. */
  close(): Promise<void>
}

const STOPPING = 'the gateway is stopping'
const NOTHING_PENDING = { messages: 0, bytes: 0 } as const

/** Begins to connect, and returns without waiting for it. */
export function openUplink(options: UplinkOptions): Uplink {
  const { addresses, meter, deadlineMs, maxPending } = options
  const backOff = createBackOff()
  const stop = new AbortController()
  const attempts = createAttempts(options, stop.signal, (failures) => {
    if (failures >= addresses.length) cut = []
  })
  let state: UplinkState = 'connecting'
  let outage = 'there was no connection yet'
  let current: { readonly connection: Connection; readonly window: Window } | null = null
  let closing: Promise<void> | undefined
  /** Unacknowledged when the broker closed the last connection; empty once no address can be reached. */
  let cut: readonly UplinkMessage[] = []
  /** Aborted to end the pause, when somebody needs the connection now. */
  let hurry = new AbortController()
  let online = Promise.withResolvers<void>()

  async function run(): Promise<void> {
    for (let turn = 1; !stop.signal.aborted; turn += 1) {
      const at = addresses[(turn - 1) % addresses.length] as BrokerUrl
      const reason = await attempt(at)
      if (stop.signal.aborted) return
      state = 'away'
      outage = reason
      options.onAway(reason)
      // the other addresses are tried at once, and then there is a pause
      if (turn % addresses.length === 0) await pause()
    }
  }

  async function pause(): Promise<void> {
    const signal = AbortSignal.any([stop.signal, hurry.signal])
    await setTimeout(backOff.nextMs(), undefined, { signal, ref: false }).catch(() => {})
    hurry = new AbortController()
  }

  /** Connects, and resolves with the reason once that has failed or the connection has ended. */
  async function attempt(at: BrokerUrl): Promise<string> {
    const connection = await attempts.connect(at)
    return typeof connection === 'string' ? connection : use(connection, at)
  }

  async function use(connection: Connection, at: BrokerUrl): Promise<string> {
    const { terms, send } = connection
    const onStuck = () => connection.end(`${hostAndPort(at)} no longer acknowledges messages`)
    const window = createWindow({ terms, send, deadlineMs, maxPending, meter, onStuck })
    const since = performance.now()
    current = { connection, window }
    // asked to stop between the CONNACK and this
    if (stop.signal.aborted) connection.end(STOPPING, 'politely')
    try {
      if (cut.length > 0) options.onCut?.(cut)
      await Promise.race([options.onConnected(terms, at), connection.ended])
      if (!connection.isEnded() && !stop.signal.aborted) {
        state = 'connected'
        online.resolve()
        meter.uplinkConnection('connected')
      }
    } catch (error) {
      connection.end(messageOf(error))
    }
    const reason = await connection.ended
    current = null
    if (state === 'connected') {
      state = 'away'
      online = Promise.withResolvers()
    }
    outage = reason
    backOff.noteConnection(performance.now() - since, window.hasAcknowledged())
    cut = connection.isCut() ? window.underway() : []
    window.fail(unavailable('away', reason))
    return reason
  }

  async function close(): Promise<void> {
    await current?.window.idle()
    state = 'closed'
    stop.abort(new Error(STOPPING))
    current?.connection.end(STOPPING, 'politely')
    await running
  }

  const running = run()
  return {
    async publish(message) {
      const refusal =
        state !== 'connected' || !current || closing
          ? unavailable('away', outage)
          : termsProblem(current.connection.terms, message)
      if (refusal) {
        meter.uplinkRefused(refusal.reason)
        throw refusal.error
      }
      return current?.window.publish(message)
    },
    async subscribe(subscriptions) {
      if (!current) throw unavailable('away', outage).error
      return current.connection.subscribe(subscriptions)
    },
    async unsubscribe(filters) {
      if (!current) throw unavailable('away', outage).error
      return current.connection.unsubscribe(filters)
    },
    state: () => state,
    connected(ms) {
      if (state !== 'connected') {
        hurry.abort()
        attempts.giveUpAfter(ms)
      }
      return within(ms, online.promise, () => unavailable('away', outage).error)
    },
    async check(ms) {
      if (!current) throw unavailable('away', outage).error
      const { connection, window } = current
      const sentBefore = window.lastPlace()
      try {
        await connection.check(ms)
        window.noteRead(sentBefore)
      } catch (error) {
        await connection.ended
        throw unavailable('away', messageOf(error)).error
      }
    },
    protocol: () => current?.connection.terms.protocol ?? null,
    outage: () => (state === 'connected' ? null : outage),
    pending: () => current?.window.pending() ?? NOTHING_PENDING,
    close() {
      closing ??= close()
      return closing
    },
  }
}
