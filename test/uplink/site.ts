import { silentMeter } from '../../src/metrics/meter.ts'
import { readCredentials } from '../../src/uplink/credentials.ts'
import type { UplinkMessage } from '../../src/uplink/message.ts'
import type { UplinkOptions } from '../../src/uplink/options.ts'
import { openUplink, type Uplink } from '../../src/uplink/uplink.ts'

export interface TestUplink extends AsyncDisposable {
  readonly uplink: Uplink
  /** Resolves once there have been this many connections. */
  connected(count?: number): Promise<void>
  /** Resolves with the first reason, past or future, that matches. */
  away(pattern: RegExp): Promise<string>
  /** Resolves once there have been this many reasons. */
  awayTimes(count: number): Promise<void>
  /** All reasons so far for a missing connection. */
  readonly reasons: string[]
}

/** Starts an uplink to the broker on this port of the loopback interface. */
export function startUplink(
  port: number | readonly number[],
  options: Partial<Omit<UplinkOptions, 'credentials'>> & {
    tls?: boolean
    credentials?: Partial<Parameters<typeof readCredentials>[0]>
  } = {},
): TestUplink {
  const { tls = false, credentials = {}, onConnected, onAway, ...rest } = options
  const reasons: string[] = []
  const watchers = new Set<() => void>()
  let connections = 0
  const noted = () => {
    for (const look of watchers) look()
  }
  const uplink = openUplink({
    settings: 'WOTT_BROKER',
    addresses: [port].flat().map((at) => ({ host: '127.0.0.1', port: at, tls })),
    clientId: 'uplink',
    credentials: () =>
      readCredentials({
        username: undefined,
        passwordFile: undefined,
        caFile: undefined,
        certFile: undefined,
        keyFile: undefined,
        ...credentials,
      }),
    session: 'clean',
    isBridge: false,
    keepAliveSeconds: 60,
    deadlineMs: 5_000,
    maxPending: { messages: 1_000, bytes: 1_000_000 },
    maxPacket: 1_000_000,
    meter: silentMeter,
    onMessage() {},
    ...rest,
    async onConnected(terms, at) {
      await onConnected?.(terms, at)
      // the state changes after this
      setImmediate(() => {
        connections += 1
        noted()
      })
    },
    onAway(reason) {
      reasons.push(reason)
      onAway?.(reason)
      noted()
    },
  })

  function until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve) => {
      const again = () => {
        const found = look()
        if (found === undefined) return
        watchers.delete(again)
        resolve(found)
      }
      watchers.add(again)
      again()
    })
  }

  return {
    uplink,
    reasons,
    async connected(count = 1) {
      await until(() => (connections >= count ? true : undefined))
    },
    async awayTimes(count) {
      await until(() => (reasons.length >= count ? true : undefined))
    },
    away: (pattern) => until(() => reasons.find((reason) => pattern.test(reason))),
    [Symbol.asyncDispose]: () => uplink.close(),
  }
}

/** A message of QoS 1. */
export function message(
  topic: string,
  text = 'x',
  more: Partial<UplinkMessage> = {},
): UplinkMessage {
  return {
    topic,
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    dup: false,
    properties: null,
    messageExpiry: null,
    ...more,
  }
}
