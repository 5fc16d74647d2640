import type { Duplex } from 'node:stream'
import type { Whereabouts } from '../broker/session.ts'
import type { Identity } from '../identity/identity.ts'
import type { CutReason } from '../metrics/meter.ts'
import type { MqttWorld } from './client.ts'
import { dismiss, fail, failFor, silent, vanish } from './ending.ts'
import type { Frame } from './frames.ts'
import { type Holds, noMemory, openHolds } from './holds.ts'
import type { KeepAliveOwner } from './keep-alive.ts'
import { takeConnect } from './opening.ts'
import type { ClientConnection, Phase } from './phase.ts'
import {
  createPacketReader,
  type PacketReader,
  type ReaderLimits,
  type ReaderOwner,
} from './reader.ts'
import { faultOf, LateMessage } from './web-socket.ts'
import { createWire, type Wire, type WireOwner, type WireShared } from './wire.ts'

export interface MqttConnection {
  /** Ends it because the client's certificate no longer holds; `what` says why, as "has expired or is revoked". */
  dismiss(what: string): void
}

const AWAITING_CONNECT: Phase = { name: 'awaiting CONNECT' }
const UNANNOUNCED = 'closed its connection without a DISCONNECT'

/** The key under which a stream holds its connection. */
const CONNECTION = Symbol('connection')
type ServedStream = Duplex & { [CONNECTION]?: StreamConnection }

/** Speaks MQTT with one client, from its first byte to its last. */
export function serveConnection(
  stream: Duplex,
  identity: Identity,
  place: Pick<Whereabouts, 'door' | 'address'>,
  world: MqttWorld,
): MqttConnection {
  return new StreamConnection(stream, identity, place, world)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class StreamConnection
  implements ClientConnection, MqttConnection, WireOwner, ReaderOwner, KeepAliveOwner
{
  readonly stream: Duplex
  readonly identity: Identity
  readonly door: Whereabouts['door']
  readonly address: Whereabouts['address']
  readonly since = Date.now()
  readonly world: MqttWorld
  readonly holds: Holds
  readonly wire: Wire
  readonly reader: PacketReader
  phase = AWAITING_CONNECT

  constructor(
    stream: ServedStream,
    identity: Identity,
    { door, address }: Pick<Whereabouts, 'door' | 'address'>,
    world: MqttWorld,
  ) {
    this.stream = stream
    this.identity = identity
    this.door = door
    this.address = address
    this.world = world
    this.holds = openHolds(world.memory, identity.id)
    this.wire = createWire(stream, this)
    this.reader = createPacketReader(stream, this)
    stream[CONNECTION] = this
    stream.on('error', broken)
    stream.on('close', closed)
  }

  get shared(): WireShared {
    return this.world.wires
  }

  get limits(): ReaderLimits {
    return this.world.limits
  }

  dismiss(what: string): void {
    dismiss(this, what)
  }

  onTaken(): void {
    if (this.phase.name === 'open') this.phase.conversation.taken()
  }

  onFull(): void {
    fail(this, noMemory(), 'memory')
  }

  enter(work: () => void): void {
    this.world.turns.enter(this.identity.id, work)
  }

  isOver(): boolean {
    return this.world.turns.isOver()
  }

  onFrame(frame: Frame): void {
    const { phase } = this
    if (phase.name === 'open') phase.conversation.handle(frame.first, frame.body)
    else if (phase.name === 'awaiting CONNECT') takeConnect(this, frame)
  }

  onError(error: unknown, bound?: CutReason): void {
    failFor(this, error, bound)
  }

  onEnd(): void {
    vanish(this, UNANNOUNCED)
    if (this.stream.closed) this.holds.release()
  }

  onSilence(): void {
    silent(this)
  }

  broken(error: Error): void {
    const fault = faultOf(error)
    if (!fault && this.reader.isFinishing()) return
    if (!fault) vanish(this, `lost its connection (${error.message})`)
    else if (fault instanceof LateMessage) fail(this, fault, 'packet_timeout')
    else fail(this, fault)
  }

  closed(): void {
    if (this.reader.isFinishing()) return
    vanish(this, UNANNOUNCED)
    this.holds.release()
  }
}

// The same listeners for all streams. The connection ends with its stream. Packets that came before the client ended its side, and
// wait for its device's turn, are dealt with first: a DISCONNECT among them cancels the will [MQTT-3.14.4-3].

function broken(this: ServedStream, error: Error): void {
  this[CONNECTION]?.broken(error)
}

function closed(this: ServedStream): void {
  this[CONNECTION]?.closed()
}
