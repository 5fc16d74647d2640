import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { BrokerUrl } from '../../config/broker-url.ts'
import type { Config } from '../../config/load.ts'
import { uplinkConfig, type uplinkSettings } from '../../config/uplink.ts'
import { UsageError } from '../../errors.ts'
import type { Meter } from '../../metrics/meter.ts'
import { createSparingly } from '../../sparingly.ts'
import { readCredentials } from '../../uplink/credentials.ts'
import { openUplink, type Uplink } from '../../uplink/uplink.ts'
import type { Broker } from '../broker.ts'
import type { SessionBroker } from '../session-broker.ts'
import { fromUplinkMessage, toUplinkMessage } from './carried.ts'

export type RelayedSettings = Pick<
  Config,
  | 'maxPayload'
  | 'brokerIdProperty'
  | 'brokerSubscribe'
  | keyof ReturnType<typeof uplinkSettings<'broker'>>
>

export interface RelayedOptions {
  readonly urls: readonly BrokerUrl[]
  /** In memory: it hands on what comes back from the other broker. */
  readonly local: Broker & SessionBroker
  readonly settings: RelayedSettings
  readonly meter: Meter
  readonly log: Logger
}

export interface RelayedBroker extends Broker, SessionBroker {
  readonly uplink: Uplink
}

/** Bytes of a packet besides its payload: topic and properties. */
const PACKET_BYTES = 128 * 1024

/**
 * The broker in front of another MQTT broker. What is published goes there, and is acknowledged when that broker has acknowledged
 * it; readers here get it when it comes back. Throws a UsageError where its credentials cannot be read.
 */
export async function openRelayed(options: RelayedOptions): Promise<RelayedBroker> {
  const { urls, local, settings, meter, log } = options
  const { clientId = `wott-gateway-${randomBytes(6).toString('hex')}`, ...connection } =
    uplinkConfig('broker', settings)
  const { brokerIdProperty: idProperty, brokerSubscribe: followed } = settings
  const credentials = () => readCredentials(connection)
  await credentials().catch((error) => {
    throw new UsageError(error.message)
  })
  const sparingly = createSparingly()
  const uplink = openUplink({
    settings: 'WOTT_BROKER',
    addresses: urls,
    clientId,
    credentials,
    session: 'clean',
    isBridge: false,
    keepAlive: connection.keepalive,
    deadlineMs: connection.timeout * 1000,
    maxPending: { messages: connection.pending, bytes: connection.pendingBytes },
    maxPacket: settings.maxPayload + PACKET_BYTES,
    meter,
    onMessage: (message) =>
      local.publish(fromUplinkMessage(message, idProperty, local.log.now())) ?? undefined,
    async onConnected({ protocol }, { host, port }) {
      const filters = (followed ?? []).map((filter) => ({
        filter,
        qos: 1 as const,
        retainAsPublished: true,
      }))
      const granted = await uplink.subscribe(filters)
      log.info({ host, port, protocol }, 'connected to the broker')
      const refused = filters.filter((_, index) => (granted[index] ?? 0x80) >= 0x80)
      if (refused.length > 0)
        log.error({ filters: refused.map(({ filter }) => filter) }, 'the broker refused to send')
    },
    onAway: (reason) =>
      sparingly(reason, (repeated) => log.error({ reason, ...repeated }, 'the broker is away')),
  })

  return {
    ...local,
    uplink,
    publish: (message) => uplink.publish(toUplinkMessage(message, idProperty, local.log.now())),
    problem: () => uplink.problem() ?? local.problem(),
    async end() {
      await local.end()
      await uplink.close()
    },
    async close() {
      await uplink.close()
      await local.close()
    },
  }
}
