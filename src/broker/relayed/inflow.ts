import { setTimeout } from 'node:timers/promises'
import { GatewayError } from '../../errors.ts'
import type { UplinkDrop } from '../../metrics/meter.ts'
import type { Message } from '../../topic/message.ts'
import type { UplinkMessage } from '../../uplink/message.ts'
import type { Uplink } from '../../uplink/uplink.ts'
import type { Broker, BrokerLog, OnBack, OnRefused } from '../broker.ts'
import { parseShared } from '../groups.ts'
import type { Demand } from '../routing.ts'
import type { Abilities, BrokerSessions, Changed, SessionBroker } from '../session-broker.ts'
import type { Retained } from '../store/retained.ts'
import { createAwayTimes } from './away-times.ts'
import { createDropReasons } from './dropped.ts'
import { createMirror } from './mirror.ts'
import type { RetainedReader } from './retained-reader.ts'
import { createSubscriptions, type SubscriptionsOptions } from './subscriptions.ts'

export interface InflowOptions
  extends Pick<SubscriptionsOptions, 'always' | 'releaseMs' | 'most' | 'onRefused'> {
  readonly uplink: () => Pick<Uplink, 'subscribe' | 'unsubscribe' | 'protocol' | 'state'>
  readonly reader: RetainedReader
  readonly retained: Retained
  /** Opens the broker in memory that hands on what comes back; it tells `demand` what its readers ask for. */
  openLocal(demand: Demand): Broker & SessionBroker
  toMessage(message: UplinkMessage): Message
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
  onDropped(reason: UplinkDrop, topic: string): void
}

/** What comes from the other broker, on its way to the readers here. */
export interface Inflow {
  /** The broker that readers have, without `publish`. */
  readonly broker: Broker & SessionBroker
  take(message: UplinkMessage): Promise<void> | undefined
  connected(): Promise<void>
  away(): void
  /** What the other broker retains at this moment, which is read anew and not followed. */
  readRetained(filter: string): Promise<Message[]>
  /** How many there are at the other broker. */
  subscriptions(): number
  /** What is wrong besides that the broker is away; null when nothing is. */
  outage(): string | null
  close(): Promise<void>
}

const RETRY_MS = 5_000
const ABILITIES: Abilities = {
  maximumQos: 1,
  mostSessionExpirySeconds: 0,
  sharesSubscriptions: false,
  knowsPublishers: false,
}

export function createInflow(options: InflowOptions): Inflow {
  const { uplink, reader, retained, toMessage, maxPayloadBytes, onDropped } = options
  const times = createAwayTimes()
  const dropReasonOf = createDropReasons(maxPayloadBytes)
  const listening = new Set<OnBack>()
  let latest = 0
  let isClosed = false
  /** Resolves at the next connection. */
  let back = Promise.withResolvers<void>()
  /** When the broker went away, and after which message; null while it is there. */
  let left: { readonly since: number; readonly after: number } | null = null

  const readers = new Set<{ readonly filters: readonly string[]; readonly onRefused: OnRefused }>()

  const isFollowed = () => uplink().protocol() === 5
  const subscriptions = createSubscriptions({
    ...options,
    onRefused(filter, error) {
      options.onRefused(filter, error)
      for (const { filters, onRefused } of readers) if (filters.includes(filter)) onRefused(error)
    },
    onGranted: (filters) => mirror.follow(filters),
    onReleased: (filters) => mirror.release(filters, subscriptions.granted()),
  })
  const local = options.openLocal({
    use: (filter) => void (isHidden(filter) || subscriptions.use(filter)),
    leave: (filter) => void (isHidden(filter) || subscriptions.leave(filter)),
  })
  const mirror = createMirror({
    retained,
    reader,
    isFollowed,
    isAway: () => left !== null || uplink().protocol() === null,
    toMessage: check,
    handOn: (message) => void take(message),
  })
  void local.follow(({ sequence }) => {
    latest = sequence
  })

  function check(came: UplinkMessage): Message | null {
    const message = toMessage(came)
    const reason = dropReasonOf(message)
    if (reason === null) return message
    onDropped(reason, message.topic)
    return null
  }

  function take(came: UplinkMessage): Promise<void> | undefined {
    const message = check(came)
    return message === null ? undefined : local.publish(message)
  }

  /** Uses the filters while `read` reads, so that they are subscribed to; rejects where the broker refuses. */
  async function using<T>(filters: readonly string[], read: () => Promise<T>): Promise<T> {
    for (const filter of filters) subscriptions.use(filter)
    try {
      await subscriptions.ready(filters)
      await mirror.ready(filters)
      return await read()
    } finally {
      for (const filter of filters) subscriptions.leave(filter)
    }
  }

  return {
    broker: {
      ...local,
      async subscribe(filters, onMessage, onRefused = () => {}) {
        const unsubscribe = await local.subscribe(filters, onMessage)
        try {
          await subscriptions.ready(visible(filters))
        } catch (error) {
          await unsubscribe()
          throw error
        }
        const reader = { filters, onRefused }
        readers.add(reader)
        return () => {
          readers.delete(reader)
          return unsubscribe()
        }
      },
      retained: (filter) => using(visible([filter]), () => local.retained(filter)),
      whenBack: (onBack) => void listening.add(onBack),
      log: withAwayTimes(local.log),
      sessions: withSubscriptions(local.sessions),
    },
    take(message) {
      // what was retained before comes with the flag, and is read elsewhere [MQTT-3.3.1-8]; all else without [MQTT-3.3.1-9]
      if (message.retain && !isFollowed()) return undefined
      if (message.retain) mirror.note(message.topic)
      return take(message)
    },
    async connected() {
      await subscriptions.connected()
      back.resolve()
      back = Promise.withResolvers()
      if (left === null) return
      const seconds = Math.ceil((performance.now() - left.since) / 1000)
      times.add(left.after, seconds)
      left = null
      for (const tell of listening) tell(seconds)
    },
    away() {
      left ??= { since: performance.now(), after: latest }
      subscriptions.away()
      mirror.away()
    },
    async readRetained(filter) {
      const found = new Map<string, Message>()
      await reader.read(visible([filter]), (came) => {
        const message = check(came)
        if (message) found.set(message.topic, message)
      })
      return [...found.values()]
    },
    subscriptions: () => subscriptions.granted().length,
    outage: () => subscriptions.outage() ?? reader.outage(),
    async close() {
      isClosed = true
      subscriptions.stop()
      await reader.close()
    },
  }

  function withAwayTimes(log: BrokerLog): BrokerLog {
    return {
      ...log,
      awayAfter: times.after,
      gapsAfter: (number) => [
        ...log.gapsAfter(number),
        ...(times.after(number) > 0 ? (['broker_away'] as const) : []),
      ],
    }
  }

  function withSubscriptions(sessions: BrokerSessions): BrokerSessions {
    return {
      ...sessions,
      abilities: ABILITIES,
      subscribe(session, requested) {
        const changed = sessions.subscribe(session, requested)
        const names = requested.map(({ name }) => name)
        return { ...changed, stored: settleNames(session, names, changed) }
      },
      // whoever subscribes elsewhere is not known here
      isHeard: () => true,
      async *retainedBy(filters) {
        await untilRead(visible(filters))
        yield* sessions.retainedBy(filters)
      },
    }

    async function settleNames(
      session: Parameters<BrokerSessions['subscribe']>[0],
      names: readonly string[],
      { stored, had }: Changed,
    ): Promise<readonly string[]> {
      await stored
      const refused: string[] = []
      for (const name of names) {
        const filters = visible([parseShared(name)?.filter ?? name])
        await subscriptions.ready(filters).catch(() => refused.push(name))
      }
      const needless = refused.filter((name) => !had(name))
      if (needless.length > 0) await sessions.unsubscribe(session, needless).stored
      return refused
    }
  }

  /** An MQTT client gets what is retained when the broker is there again. */
  async function untilRead(filters: readonly string[]): Promise<void> {
    while (!isClosed) {
      try {
        return await mirror.ready(filters)
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== 'broker_unavailable') return
      }
      await Promise.race([back.promise, setTimeout(RETRY_MS, undefined, { ref: false })])
    }
  }
}

/** Names that start with "$" are the other broker's own, and not asked for. */
function isHidden(filter: string): boolean {
  return filter.startsWith('$')
}

function visible(filters: readonly string[]): readonly string[] {
  return filters.filter((filter) => !isHidden(filter))
}
