import type { BrokerUrl } from '../config/broker-url.ts'
import { messageOf } from '../errors.ts'
import { type Connection, connect } from './connection.ts'
import { toConnectFailure } from './failure.ts'
import type { UplinkOptions } from './options.ts'
import { createProtocols } from './protocols.ts'
import { hostAndPort } from './socket.ts'

/** Attempts to connect to a broker. */
export interface Attempts {
  /** Resolves with a connection, or with the reason why there is none. */
  connect(at: BrokerUrl): Promise<Connection | string>
  /** Gives up an attempt that is older than so many milliseconds. */
  giveUpAfter(ms: number): void
}

/**
 * `stop` ends all attempts, with an Error as the reason. `onFailed` is called after each attempt that failed, with their number
 * since the last connection.
 */
export function createAttempts(
  options: UplinkOptions,
  stop: AbortSignal,
  onFailed: (failures: number) => void,
): Attempts {
  const { settings, meter } = options
  const protocols = createProtocols()
  let current: { readonly since: number; readonly giveUp: AbortController } | null = null
  let failures = 0

  async function attempt(at: BrokerUrl, protocol: 4 | 5): Promise<Connection> {
    const giveUp = new AbortController()
    // by the system's clock: the monotonic one may stop while the machine is suspended
    current = { since: Date.now(), giveUp }
    try {
      const credentials = await options.credentials()
      stop.throwIfAborted()
      const signal = AbortSignal.any([stop, giveUp.signal])
      return await connect({ ...options, at, protocol, stop: signal, credentials })
    } finally {
      current = null
    }
  }

  async function connectTo(at: BrokerUrl): Promise<Connection | string> {
    const protocol = protocols.of(at)
    try {
      const connection = await attempt(at, protocol)
      protocols.noteConnection(at)
      failures = 0
      return connection
    } catch (error) {
      // the gateway stops: nothing has failed
      if (stop.aborted) return messageOf(stop.reason)
      failures += 1
      onFailed(failures)
      const { kind, message } = toConnectFailure(error, hostAndPort(at), settings)
      meter.uplinkConnection(kind === 'refused' ? 'refused' : 'failed')
      const isWorthwhile = protocols.noteFailure(at, kind) && protocols.of(at) !== protocol
      return isWorthwhile ? connectTo(at) : message
    }
  }

  return {
    connect: connectTo,
    giveUpAfter(ms) {
      if (current && Math.abs(Date.now() - current.since) > ms)
        current.giveUp.abort(new Error('it took too long to connect'))
    },
  }
}
