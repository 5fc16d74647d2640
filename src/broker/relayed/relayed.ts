import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { BrokerUrl } from '../../config/broker-url.ts'
import type { Config } from '../../config/load.ts'
import { UsageError } from '../../errors.ts'
import { createLogLimit, type LogLimit } from '../../log/log-limit.ts'
import { type Meter, silentMeter } from '../../metrics/meter.ts'
import { createTopicMemo } from '../../topic/memo.ts'
import type { Message } from '../../topic/message.ts'
import { isWithin } from '../../topic/time.ts'
import { readCredentials } from '../../uplink/credentials.ts'
import type { UplinkOptions } from '../../uplink/options.ts'
import { openUplink, type Uplink } from '../../uplink/uplink.ts'
import type { Broker } from '../broker.ts'
import type { Demand } from '../routing.ts'
import type { SessionBroker } from '../session-broker.ts'
import type { Store } from '../store/store.ts'
import { fromUplinkMessage, toUplinkMessage } from './carried.ts'
import { createContainment } from './containment.ts'
import { createInflow, type Inflow, type InflowOptions } from './inflow.ts'
import { createRetainedReader } from './retained-reader.ts'
import type { MessageRules } from './rules.ts'

export type RelayedSettings = Config['broker']['relayed']

export interface RelayedOptions {
  readonly urls: readonly BrokerUrl[]
  /** In memory. */
  readonly store: Store
  /** Opens the broker that hands on what comes back from the other one. */
  openLocal(demand: Demand): Broker & SessionBroker
  readonly settings: RelayedSettings
  readonly rules: MessageRules
  readonly meter: Meter
  readonly log: Logger
}

export interface RelayedBroker extends Broker, SessionBroker {
  readonly uplink: Pick<Uplink, 'state' | 'pending' | 'connected'> & {
    /** How many there are at the other broker. */
    subscriptions(): number
    /** Asks the other broker over each connection: see `Uplink`. */
    check(ms: number): Promise<void>
    /** What the other broker retains at this moment, for who cannot follow it. */
    retained(filter: string): Promise<Message[]>
    /** How many devices are kept apart from the others. */
    suspects(): number
  }
  /** What is wrong though the other broker is there; null when nothing is. */
  degraded(): string | null
}

/** Bytes of a packet besides its payload: topic and properties. */
const PACKET_BYTES = 128 * 1024
const REMEMBERED = { topics: 10_000, size: 1_000_000 }

/**
 * The broker in front of another MQTT broker. What is published goes there, and is acknowledged when that broker has acknowledged
 * it; readers here get it when it comes back. Throws a UsageError where its credentials cannot be read.
 */
export async function openRelayed(options: RelayedOptions): Promise<RelayedBroker> {
  const { urls, settings, rules, meter, log } = options
  const { uplink: connection, idProperty } = settings
  const { clientId = `wott-gateway-${randomBytes(6).toString('hex')}` } = connection
  const credentials = () => readCredentials(connection)
  await credentials().catch((error) => {
    throw new UsageError(error.message)
  })
  const logLimited = createLogLimit()

  function connect(
    own: Pick<
      UplinkOptions,
      'clientId' | 'meter' | 'onMessage' | 'onConnected' | 'onCut' | 'onAway'
    >,
  ): Uplink {
    return openUplink({
      ...own,
      settings: 'WOTT_BROKER',
      addresses: urls,
      credentials,
      session: 'clean',
      isBridge: false,
      keepAliveSeconds: connection.keepAliveSeconds,
      deadlineMs: connection.timeoutMs,
      maxPending: { messages: connection.pending, bytes: connection.pendingBytes },
      maxPacket: rules.maxPayloadBytes + PACKET_BYTES,
    })
  }

  const reader = createRetainedReader({
    open: (handlers) =>
      connect({ ...handlers, clientId: `${clientId}-retained`, meter: silentMeter }),
    deadlineMs: connection.timeoutMs,
    releaseMs: settings.releaseMs,
    quietMs: settings.settleMs,
  })
  const inflow = openInflow(options, logLimited, { reader, uplink: () => uplink })
  const local = inflow.broker
  const containment = createContainment({
    meter,
    log,
    logLimited,
    uplink: () => uplink,
    openApart: (events) =>
      connect({
        ...events,
        clientId: `${clientId}-apart`,
        meter: { ...meter, uplinkConnection() {} },
        onMessage() {},
        onConnected() {},
        onAway() {},
      }),
    deadlineMs: connection.timeoutMs,
    most: connection.pending,
    longestMs: settings.quarantineMs,
    releaseMs: settings.releaseMs,
  })
  const uplink = connect({
    clientId,
    meter,
    onMessage: (message) => inflow.take(message),
    async onConnected({ protocol }, { host, port }) {
      await inflow.connected()
      log.info({ host, port, protocol }, 'connected to the broker')
    },
    onCut: containment.onCut,
    onAway(reason) {
      inflow.away()
      logLimited(reason, (repeated) =>
        log.error({ reason, ...repeated }, 'the broker cannot be reached'),
      )
    },
  })

  async function closeUplinks(): Promise<void> {
    await Promise.all([uplink.close(), containment.close(), inflow.close()])
  }

  return {
    ...local,
    uplink: {
      state: uplink.state,
      pending: uplink.pending,
      connected: uplink.connected,
      subscriptions: inflow.subscriptions,
      async check(ms) {
        await Promise.all([uplink.check(ms), containment.check(ms), reader.check(ms)])
      },
      retained: inflow.readRetained,
      suspects: containment.suspects,
    },
    degraded: inflow.outage,
    publish: (message) =>
      containment.publish(toUplinkMessage(message, idProperty, local.log.now())),
    outage: () => uplink.outage() ?? local.outage(),
    async end() {
      await local.end()
      await closeUplinks()
    },
    async close() {
      await closeUplinks()
      await local.close()
    },
  }
}

function openInflow(
  { store, openLocal, settings, rules, meter, log }: RelayedOptions,
  logLimited: LogLimit,
  connections: Pick<InflowOptions, 'uplink' | 'reader'>,
): Inflow {
  const { idProperty } = settings
  const { maxPayloadBytes, timeBounds, idPattern } = rules
  const ids = createTopicMemo((text) => (idPattern.test(text) ? 'id' : 'other'), REMEMBERED)
  return createInflow({
    ...connections,
    openLocal,
    maxPayloadBytes,
    releaseMs: settings.releaseMs,
    retained: store.retained,
    always: settings.subscribe ?? [],
    most: settings.subscriptions,
    toMessage(came) {
      const message = fromUplinkMessage(came, idProperty, store.now())
      const { device, time, received } = message
      // what others write there may be nobody's name, and no time of a reading
      const isId = device === null || ids.of(device) === 'id'
      const isTime = isWithin(time, received, timeBounds)
      if (isId && isTime) return message
      return { ...message, device: isId ? device : null, time: isTime ? time : received }
    },
    onRefused(filter, { message: reason }) {
      meter.uplinkSubscriptionRefused()
      logLimited(`refused\0${filter}`, (repeated) =>
        log.error({ filter, reason, ...repeated }, 'the broker refuses a subscription'),
      )
    },
    onDropped(reason, topic) {
      meter.uplinkDropped(reason)
      logLimited(`dropped\0${reason}`, (repeated) =>
        log.warn({ reason, topic, ...repeated }, 'dropped a message from the broker'),
      )
    },
  })
}
