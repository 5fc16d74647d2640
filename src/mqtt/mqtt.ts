import type { Duplex } from 'node:stream'
import type { Logger } from 'pino'
import type { Denials } from '../acl/denials.ts'
import type { Will } from '../broker/session.ts'
import type { BrokerSessions } from '../broker/session-broker.ts'
import type { AccessOf } from '../broker/store/sessions.ts'
import type { Ledger } from '../budget/ledger.ts'
import type { Config } from '../config/load.ts'
import type { Door } from '../door-table.ts'
import type { Identity } from '../identity/identity.ts'
import { createLogLimit } from '../log/log-limit.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Relay } from '../relay/relay.ts'
import { MAX_PROPERTIES_BYTES } from '../topic/properties.ts'
import { MAX_TOPIC_BYTES } from '../topic/topic.ts'
import type { Turns } from '../turns/turns.ts'
import { type MqttConnection, serveConnection } from './connection.ts'
import { createSharedJoin } from './join.ts'
import { createSharedFrames } from './shared-frames.ts'
import { createVisits } from './visits.ts'

/** Speaks MQTT 3.1, 3.1.1 and 5 with clients that have been identified. */
export interface MqttHost {
  /** Bytes of the largest packet after CONNECT. */
  readonly maxPacket: number
  /** Milliseconds that one of them may take to arrive. */
  readonly packetTimeoutMs: number
  accept(stream: Duplex, identity: Identity, door: Door, address?: string): MqttConnection
}

export interface MqttOptions {
  readonly sessions: BrokerSessions
  readonly relay: Relay
  readonly accessOf: AccessOf
  readonly memory: Ledger
  readonly denials: Denials
  readonly meter: Meter
  readonly log: Logger
  readonly turns: Turns
  readonly settings: Config['mqtt']
  /** Bytes of the largest payload. */
  readonly maxPayloadBytes: number
  /** Milliseconds that a client may take nothing while it is behind. */
  readonly stallMs: number
}

/** Room for a client id, a will and credentials; no real device sends more. */
const MAX_CONNECT_BYTES = 16_384
/** Bytes of a PUBLISH besides its topic, properties and payload: fixed header, packet identifier and lengths. */
const OVERHEAD_BYTES = 16

export function createMqttHost(options: MqttOptions): MqttHost {
  const { sessions, relay, accessOf, denials, memory, meter, log, turns, settings, stallMs } =
    options
  const world = {
    sessions,
    relay,
    denials,
    memory,
    meter,
    log,
    turns,
    settings,
    stallMs,
    logLimited: createLogLimit(),
    visits: createVisits(log),
    frames: createSharedFrames(sessions.now),
    wires: { join: createSharedJoin(), isBusy: turns.hasWaiting, now: () => performance.now() },
    limits: {
      connectBytes: MAX_CONNECT_BYTES,
      packetBytes:
        options.maxPayloadBytes + MAX_TOPIC_BYTES + MAX_PROPERTIES_BYTES + OVERHEAD_BYTES,
      connectTimeoutMs: settings.connectTimeoutMs,
      packetTimeoutMs: settings.packetTimeoutMs,
    },
  }

  /** Like any other message: valid, allowed now, and counted. Rejects while the broker takes nothing. */
  async function publishWill(
    { device, clientId }: { device: string; clientId: string },
    { message, messageExpiry }: Will,
  ): Promise<void> {
    const publisher = {
      identity: { id: device },
      door: 'mqtt',
      access: accessOf(device, clientId),
      origin: { session: null, arrival: null },
    } as const
    const refusal = await relay.publish(publisher, { ...message, messageExpiry })
    if (refusal?.code === 'broker_unavailable') throw refusal
  }

  sessions.publishWillsBy(publishWill)
  return {
    maxPacket: world.limits.packetBytes,
    packetTimeoutMs: settings.packetTimeoutMs,
    accept: (stream, identity, door, address) =>
      serveConnection(stream, identity, { door, address }, world),
  }
}
