import { setTimeout as startTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import { GatewayError } from '../../errors.ts'
import { topicMatches } from '../../topic/match.ts'
import { hasWildcard } from '../../topic/topic.ts'
import type { UplinkMessage } from '../../uplink/message.ts'
import type { UplinkOptions } from '../../uplink/options.ts'
import type { Uplink } from '../../uplink/uplink.ts'

/** Reads the other broker's retained messages over a separate connection, where they cannot be confused with live messages. */
export interface RetainedReader {
  /**
   * Calls `onMessage` with each retained message that any of the filters covers, perhaps more than once, and resolves when no
   * more come. Rejects with a GatewayError where the broker is away or refuses.
   */
  read(filters: readonly string[], onMessage: (message: UplinkMessage) => void): Promise<void>
  /** Makes sure that the connection, where there is one, is still good; makes another one otherwise. */
  check(ms: number): Promise<void>
  /** Why it cannot read; null where it can, or has not tried. */
  outage(): string | null
  close(): Promise<void>
}

export interface RetainedReaderOptions {
  open(handlers: Pick<UplinkOptions, 'onMessage' | 'onConnected' | 'onAway'>): Uplink
  /** Milliseconds without a retained message after which all have come. */
  readonly quietMs: number
  /** Milliseconds that a read may wait for the connection. */
  readonly deadlineMs: number
  /** Milliseconds that the connection is kept after its last use. */
  readonly releaseMs: number
}

interface Asked {
  readonly filters: readonly string[]
  readonly onMessage: (message: UplinkMessage) => void
  readonly done: PromiseWithResolvers<void>
}

/** MQTT does not mark the last retained message [MQTT-3.3.1-6], so a read ends when none has come for a while. */
export function createRetainedReader(options: RetainedReaderOptions): RetainedReader {
  const { open, quietMs, deadlineMs, releaseMs } = options
  let uplink: Uplink | null = null
  let waiting: Asked[] = []
  let reading: readonly Asked[] = []
  let isRunning = false
  /** Changes when the connection was lost. */
  let connection = 0
  let release: NodeJS.Timeout | undefined
  let isClosed = false
  let heard = 0
  /** Topics without an answer so far; null where there are filters, and nobody knows how many answers there are. */
  let missing: Set<string> | null = null
  let found = Promise.withResolvers<void>()

  function connect(): Uplink {
    clearTimeout(release)
    uplink ??= open({
      onMessage,
      onConnected() {},
      onAway() {
        connection += 1
      },
    })
    return uplink
  }

  /** A message of now, which others get too, comes without the flag [MQTT-3.3.1-9]. */
  function onMessage(message: UplinkMessage): void {
    if (!message.retain) return
    heard += 1
    missing?.delete(message.topic)
    if (missing?.size === 0) found.resolve()
    for (const { filters, onMessage: tell } of reading)
      if (filters.some((filter) => topicMatches(filter, message.topic))) tell(message)
  }

  /** Requests that come during a read are answered by the next one together. */
  async function run(): Promise<void> {
    isRunning = true
    while (waiting.length > 0 && !isClosed) {
      reading = waiting
      waiting = []
      try {
        await readAll(connect(), reading)
        for (const { done } of reading) done.resolve()
      } catch (error) {
        for (const { done } of reading) done.reject(error)
      }
      reading = []
    }
    isRunning = false
    release = startTimer(() => void disconnect(), releaseMs).unref()
  }

  async function readAll(from: Uplink, all: readonly Asked[]): Promise<void> {
    const filters = [...new Set(all.flatMap((asked) => asked.filters))]
    await from.connected(deadlineMs)
    const began = connection
    missing = filters.some(hasWildcard) ? null : new Set(filters)
    found = Promise.withResolvers()
    // QoS 0: a broker drops what it retains with QoS 1 beyond the bound of its queue
    const codes = await from.subscribe(filters.map((filter) => ({ filter, qos: 0 })))
    const refused = new Map(filters.flatMap((filter, index) => refusalOf(filter, codes[index])))
    for (const asked of all)
      for (const filter of asked.filters) {
        const refusal = refused.get(filter)
        if (refusal) asked.done.reject(refusal)
      }
    for (let before = -1; before !== heard && missing?.size !== 0 && connection === began; ) {
      before = heard
      await Promise.race([setTimeout(quietMs), found.promise])
    }
    if (connection !== began) throw unavailable(from.outage())
    await from.unsubscribe(filters.filter((filter) => !refused.has(filter)))
  }

  async function disconnect(): Promise<void> {
    const old = uplink
    uplink = null
    await old?.close()
  }

  return {
    read(filters, onMessage) {
      const done = Promise.withResolvers<void>()
      if (isClosed) done.reject(unavailable('the gateway is stopping'))
      else waiting.push({ filters, onMessage, done })
      if (!isRunning) void run()
      return done.promise
    },
    async check(ms) {
      const checked = uplink
      if (checked) await checked.check(ms).catch(() => checked.connected(ms))
    },
    outage: () => (waiting.length + reading.length > 0 ? (uplink?.outage() ?? null) : null),
    async close() {
      isClosed = true
      clearTimeout(release)
      for (const { done } of [...waiting, ...reading]) done.reject(unavailable('it is closed'))
      await disconnect()
    },
  }
}

function refusalOf(filter: string, code = 0x80): [string, GatewayError][] {
  if (code < 0x80) return []
  const sentence = `The broker refuses the subscription to "${filter}": reason code 0x${code.toString(16)}.`
  return [[filter, new GatewayError('subscription_refused', sentence)]]
}

function unavailable(reason: string | null): GatewayError {
  return new GatewayError(
    'broker_unavailable',
    `The retained messages cannot be read: ${reason ?? 'the broker does not answer'}.`,
    { retryAfter: 2 },
  )
}
