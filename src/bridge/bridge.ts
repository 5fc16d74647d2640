import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Broker } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import { toUplinkMessage } from '../broker/relayed/carried.ts'
import type { ForwardPosition } from '../broker/store/forward-position.ts'
import type { Config } from '../config/load.ts'
import { type ErrorCode, GatewayError, messageOf, UsageError } from '../errors.ts'
import { createLogLimit } from '../log/log-limit.ts'
import type { WatchedBridge } from '../metrics/bridge.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Relay } from '../relay/relay.ts'
import { readCredentials } from '../uplink/credentials.ts'
import type { UplinkTerms } from '../uplink/terms.ts'
import { openUplink, type Uplink } from '../uplink/uplink.ts'
import { forwardSelectionOf } from './forward-selection.ts'
import { createInbox } from './inbox.ts'
import { createMapping, type Mapping } from './mapping.ts'
import { createOutbox } from './outbox.ts'
import type { Loss } from './outbox-queue.ts'

export type BridgeSettings = Config['bridge']

export interface BridgeOptions {
  /** The name in the gateway's own certificate. */
  readonly name: string
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
  readonly broker: Pick<Broker, 'follow' | 'log'>
  /** Null where nothing is to be forwarded. */
  readonly forwardPosition: ForwardPosition | null
  readonly relay: Pick<Relay, 'publish'>
  readonly meter: Meter
  readonly log: Logger
}

/** Forwards messages between this gateway and another broker, in both directions. */
export interface Bridge extends WatchedBridge {
  /** Why the bridge does not work now; null when it does. */
  outage(): string | null
  /** `count` messages were deleted before they were forwarded. */
  noteDeleted(count: number): void
  /** Stores its position in the log, and closes. May be called again. */
  close(): Promise<void>
}

/** Bytes of a packet besides its payload: topic and properties. */
const PACKET_BYTES = 128 * 1024
/** How long the gateway waits for acknowledgements when it stops; unacknowledged messages are sent again after the next start. */
const CLOSE_MS = 2_000

/** Null where the settings name no other broker. Throws a UsageError where its credentials cannot be read. */
export async function openBridge(
  settings: BridgeSettings,
  options: BridgeOptions,
): Promise<Bridge | null> {
  const { broker, forwardPosition, maxPayloadBytes, relay, meter, log } = options
  const { urls, uplink: connection } = settings
  const forwardSelection = forwardSelectionOf(settings)
  if (!urls || !forwardPosition || !forwardSelection) return null
  const mapping = createMapping(settings.topics)
  const credentials = credentialsOf(settings)
  await credentials().catch((error) => {
    throw new UsageError(messageOf(error))
  })
  const logLimited = createLogLimit()
  let terms: UplinkTerms | null = null
  let refused: string | null = null
  let closing: Promise<void> | undefined

  const uplink = openUplink({
    settings: 'WOTT_BRIDGE',
    addresses: urls,
    clientId: connection.clientId ?? `bridge-${options.name}`,
    credentials,
    session: settings.session,
    isBridge: settings.announcesItself,
    keepAliveSeconds: connection.keepAliveSeconds,
    deadlineMs: connection.timeoutMs,
    maxPending: {
      messages: connection.pending,
      // one message may be larger than all together
      bytes: connection.pendingBytes + maxPayloadBytes + PACKET_BYTES,
    },
    maxPacket: maxPayloadBytes + PACKET_BYTES,
    meter,
    onMessage: createInbox({
      relay,
      mapping,
      onReceived: meter.bridgeReceived,
      onRefused: (topic, { message }) =>
        logLimited(`in\0${topic}`, (repeated) =>
          log.warn(
            { topic: shown(topic), reason: message, ...repeated },
            'the bridge dropped a message from the other broker',
          ),
        ),
    }),
    async onConnected(offered, { host, port }) {
      terms = offered
      refused = await subscribe(uplink, mapping)
      const { protocol, sessionPresent } = offered
      log.info({ host, port, protocol, sessionPresent }, 'the bridge is connected')
      if (refused)
        log.error({ reason: refused }, 'the other broker refuses some subscriptions of the bridge')
      // the uplink accepts messages only after this function has returned
      setImmediate(outbox.connected)
    },
    onCut: (underway) => outbox.cut(underway.filter(({ qos }) => qos > 0).length),
    onAway: (reason) =>
      logLimited(reason, (repeated) =>
        log.warn({ reason, ...repeated }, 'the other broker of the bridge cannot be reached'),
      ),
  })

  const outbox = createOutbox({
    log: broker.log,
    forwardPosition,
    forwardSelection,
    window: { messages: connection.pending, bytes: connection.pendingBytes },
    send,
    isConnected: () => uplink.state() === 'connected',
    onForwarded: meter.bridgeForwarded,
    onLost: noteLost,
    onUnreadable: (error) =>
      logLimited('unreadable', (repeated) =>
        log.error({ reason: messageOf(error), ...repeated }, 'the bridge cannot read the log'),
      ),
  })
  const unfollow = await broker.follow(outbox.note)

  async function send(delivery: Delivery, how?: 'carefully'): Promise<GatewayError | null> {
    const destination = mapping.toRemote(delivery.topic)
    if (destination === null) return NO_PLACE
    const { maximumQos = 1, retainAvailable = true } = terms ?? {}
    try {
      if (how === 'carefully') await uplink.check(connection.timeoutMs)
      await uplink.publish({
        ...toUplinkMessage(delivery, settings.idProperty, broker.log.now()),
        topic: destination.topic,
        qos: Math.min(destination.qos, maximumQos) as 0 | 1,
        retain: delivery.retain && retainAvailable && settings.retain === 'keep',
      })
      return null
    } catch (error) {
      if (error instanceof GatewayError && FOR_GOOD.has(error.code)) return error
      throw error
    }
  }

  function noteLost(loss: Loss, delivery: Delivery | null, reason?: Error): void {
    meter.bridgeLost(loss, 1)
    if (loss !== 'refused' || delivery === null) return
    logLimited(`out\0${delivery.topic}`, (repeated) =>
      log.error(
        { topic: shown(delivery.topic), reason: reason?.message, ...repeated },
        'the other broker of the bridge refused a message, which is skipped',
      ),
    )
  }

  async function close(): Promise<void> {
    await unfollow()
    await outbox.close()
    const timeout = new AbortController()
    await Promise.race([
      uplink.close(),
      wait(CLOSE_MS, null, { signal: timeout.signal }).catch(() => {}),
    ])
    timeout.abort()
    forwardPosition?.end()
  }

  return {
    isConnected: () => uplink.state() === 'connected',
    lag: outbox.lag,
    oldest: outbox.oldest,
    outage: () => uplink.outage() ?? refused,
    noteDeleted: outbox.noteDeleted,
    close() {
      closing ??= close()
      return closing
    },
  }
}

/** Refusals of one message that will be the same each time it is sent. */
const FOR_GOOD: ReadonlySet<ErrorCode> = new Set([
  ...(['publish_denied', 'topic_invalid', 'payload_too_large', 'body_invalid'] as const),
  'request_invalid',
])

const NO_PLACE = new GatewayError(
  'topic_invalid',
  'With the prefix of the other broker the topic is not valid.',
)

/** Subscribes; returns a sentence about subscriptions that the other broker refuses, or null. */
async function subscribe(uplink: Uplink, { incoming }: Mapping): Promise<string | null> {
  if (incoming.length === 0) return null
  const granted = await uplink.subscribe(
    incoming.map((subscription) => ({
      ...subscription,
      noLocal: true,
      retainAsPublished: true,
      // retained messages come with the first connection, not again with each one
      retainHandling: 1,
    })),
  )
  const refused = incoming.filter((_, index) => (granted[index] ?? REFUSED) >= REFUSED)
  if (refused.length === 0) return null
  return `the other broker refuses to send ${refused.map(({ filter }) => filter).join(', ')}`
}

const REFUSED = 0x80

function credentialsOf({ uplink: files, password }: BridgeSettings): typeof readNow {
  async function readNow() {
    const read = await readCredentials(files)
    return password === null || read.password !== undefined ? read : { ...read, password }
  }
  return readNow
}

/** Topics may have 65,535 bytes. */
const LONGEST_SHOWN = 200

function shown(topic: string): string {
  return topic.length <= LONGEST_SHOWN ? topic : `${topic.slice(0, LONGEST_SHOWN)}…`
}
