import type { Duplex } from 'node:stream'
import type { Whereabouts } from '../broker/session.ts'
import type { Identity } from '../identity/identity.ts'
import type { MqttWorld } from './client.ts'
import { dismiss, fail, failFor, vanish } from './ending.ts'
import type { Frame } from './frames.ts'
import { noMemory, openHolds, releaseHolds } from './holds.ts'
import { takeConnect } from './opening.ts'
import type { ClientConnection } from './phase.ts'
import { createPacketReader, type PacketReader } from './reader.ts'
import { faultOf, LateMessage } from './web-socket.ts'
import { createWire, type Wire } from './wire.ts'

export interface MqttConnection {
  /** Ends it because the client's certificate no longer holds; `what` says why, as "has expired or is revoked". */
  dismiss(what: string): void
}

/** Room for a client id, a will and credentials; no real device sends more. */
const MAX_CONNECT_BYTES = 16_384
const UNANNOUNCED = 'closed its connection without a DISCONNECT'

/** Speaks MQTT with one client, from its first byte to its last. */
export function serveConnection(
  stream: Duplex,
  identity: Identity,
  { door, address }: Pick<Whereabouts, 'door' | 'address'>,
  world: MqttWorld,
): MqttConnection {
  const holds = openHolds(world.memory, identity.id)
  const connection: ClientConnection = {
    stream,
    identity,
    door,
    address,
    since: Date.now(),
    world,
    holds,
    wire: openWire(),
    reader: openReader(),
    phase: { name: 'awaiting CONNECT' },
  }
  listen(connection)
  return { dismiss: (what) => dismiss(connection, what) }

  function openWire(): Wire {
    return createWire(stream, {
      held: holds.delivery,
      onTaken() {
        if (connection.phase.name === 'open') connection.phase.conversation.taken()
      },
      onFull: () => fail(connection, noMemory(), 'memory'),
      join: world.join,
      isBusy: world.turns.hasWaiting,
    })
  }

  function openReader(): PacketReader {
    const { settings, turns, maxPacket } = world
    return createPacketReader(stream, {
      connectBytes: MAX_CONNECT_BYTES,
      packetBytes: maxPacket,
      connectTimeoutMs: settings.connectTimeoutMs,
      packetTimeoutMs: settings.packetTimeoutMs,
      held: holds.packet,
      enter: (work) => turns.enter(identity.id, work),
      isOver: turns.isOver,
      onFrame: (frame) => take(connection, frame),
      onError: (error, bound) => failFor(connection, error, bound),
      onEnd() {
        vanish(connection, UNANNOUNCED)
        if (stream.closed) releaseHolds(holds)
      },
    })
  }
}

function take(connection: ClientConnection, frame: Frame): void {
  const { phase } = connection
  if (phase.name === 'open') phase.conversation.handle(frame.first, frame.body)
  else if (phase.name === 'awaiting CONNECT') takeConnect(connection, frame)
}

/**
 * The connection ends with its stream. Packets that came before the client ended its side, and wait for its device's turn, are dealt
 * with first: a DISCONNECT among them cancels the will [MQTT-3.14.4-3].
 */
function listen(connection: ClientConnection): void {
  const { stream, holds, reader } = connection
  stream.on('error', (error: Error) => {
    const fault = faultOf(error)
    if (!fault && reader.isFinishing()) return
    if (!fault) vanish(connection, `lost its connection (${error.message})`)
    else if (fault instanceof LateMessage) fail(connection, fault, 'packet_timeout')
    else fail(connection, fault)
  })
  stream.on('close', () => {
    if (reader.isFinishing()) return
    vanish(connection, UNANNOUNCED)
    releaseHolds(holds)
  })
}
