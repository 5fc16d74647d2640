import type { Duplex } from 'node:stream'
import type { Holds } from './holds.ts'
import { type Join, joinPackets } from './join.ts'

/** The packets that are on their way to one client: gathered for a turn of the event loop or longer, then written as one. */
export interface Wire {
  /** Bytes that the system has not taken yet. */
  waiting(): number
  /** Whether there is room in memory for more, where much waits already. */
  hasRoom(): boolean
  /** For how long something has waited without the system taking anything, in milliseconds. */
  quietMs(): number
  write(bytes: Buffer): void
  /** Writes everything, and ends the stream. */
  end(): void
}

/** What a wire asks of the connection that it is a part of. */
export interface WireOwner {
  /** Counts what waits. */
  readonly holds: Pick<Holds, 'delivery'>
  /** The system has taken what was written. */
  onTaken(): void
  /** There is no room in memory for what was written. */
  onFull(): void
  readonly shared: WireShared
}

/** What all wires have in common. */
export interface WireShared {
  readonly join: Join
  /** Whether work waits for its turn. */
  isBusy(): boolean
  /** A monotonic clock in milliseconds. */
  now(): number
}

/** This many bytes do not wait for the end of the turn, and go to the stream as one write. */
const PIECE_BYTES = 65_536
/** Writes that the stream has at the same time: each that completes shows that the client still takes something. */
const MOST_WRITES = 2
/** When this many small pieces wait they are joined into one, because each takes a hundred bytes besides its own. */
const FOLDED = 64
/**
 * Milliseconds between two writes to a client while work waits: a write of many packets costs little more than one of a single
 * packet. What is gathered is counted as held when it is written, because it is short and most of it is shared: a message to many
 * subscribers is one frame.
 */
const GATHER_MS = 10
/** This many bytes are not gathered for longer: TLS sends them as a record of its largest size. */
const RECORD_BYTES = 16_384

const NOTHING: Buffer[] = []

export function createWire(stream: Duplex, owner: WireOwner): Wire {
  return new StreamWire(stream, owner)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class StreamWire implements Wire {
  readonly #stream: Duplex
  readonly #owner: WireOwner
  #gathered = NOTHING
  #gatheredBytes = 0
  // what the stream gets after it has completed a write
  #later = NOTHING
  #laterBytes = 0
  #unfolded = 0
  #writes = 0
  #isPlanned = false
  #lastTaken: number
  #lastFlush = Number.NEGATIVE_INFINITY

  constructor(stream: Duplex, owner: WireOwner) {
    this.#stream = stream
    this.#owner = owner
    this.#lastTaken = this.#now()
  }

  #now(): number {
    return this.#owner.shared.now()
  }

  waiting(): number {
    return this.#gatheredBytes + this.#laterBytes + this.#stream.writableLength
  }

  hasRoom(): boolean {
    const bytes = this.waiting()
    return bytes < PIECE_BYTES || this.#owner.holds.delivery.fits(bytes + PIECE_BYTES)
  }

  quietMs(): number {
    return this.#now() - this.#lastTaken
  }

  write(bytes: Buffer): void {
    if (this.#gatheredBytes === 0) {
      if (this.#writes === 0) this.#lastTaken = this.#now()
      this.#gathered = []
    }
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.length
    if (this.#gatheredBytes >= PIECE_BYTES) this.#flush()
    this.#plan()
  }

  end(): void {
    this.#flush()
    if (this.#later.length > 0) this.#pass(joinPackets(this.#later, this.#laterBytes))
    this.#later = NOTHING
    this.#laterBytes = 0
    this.#stream.end()
  }

  #flush(): void {
    if (this.#gatheredBytes === 0 || this.#stream.destroyed) return
    this.#lastFlush = this.#now()
    const bytes = this.#owner.shared.join(this.#gathered, this.#gatheredBytes)
    this.#gathered = NOTHING
    this.#gatheredBytes = 0
    if (this.#writes < MOST_WRITES && this.#later.length === 0) this.#pass(bytes)
    else this.#postpone(bytes)
    if (!this.#owner.holds.delivery.resize(this.waiting())) this.#owner.onFull()
  }

  #pass(bytes: Buffer): void {
    this.#writes += 1
    this.#stream.write(bytes, () => this.#taken())
  }

  #postpone(bytes: Buffer): void {
    if (this.#later === NOTHING) this.#later = []
    this.#later.push(bytes)
    this.#laterBytes += bytes.length
    this.#unfolded = bytes.length < PIECE_BYTES ? this.#unfolded + 1 : 0
    if (this.#unfolded < FOLDED) return
    this.#later.push(Buffer.concat(this.#later.splice(-FOLDED)))
    this.#unfolded = 0
  }

  #taken(): void {
    this.#writes -= 1
    this.#lastTaken = this.#now()
    if (this.#later.length > 0 && !this.#stream.destroyed) this.#pass(this.#nextPiece())
    this.#owner.holds.delivery.resize(this.waiting())
    this.#owner.onTaken()
  }

  #nextPiece(): Buffer {
    const later = this.#later
    let count = 0
    let bytes = 0
    while (count < later.length && bytes < PIECE_BYTES) bytes += (later[count++] as Buffer).length
    this.#unfolded = Math.min(this.#unfolded, later.length - count)
    this.#laterBytes -= bytes
    return joinPackets(later.splice(0, count), bytes)
  }

  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(flushPlanned, this)
  }

  /** Flushes at the end of a turn, or later if more is to be gathered. */
  flushPlanned(): void {
    this.#isPlanned = false
    if (this.#gathersLonger()) this.#plan()
    else this.#flush()
  }

  #gathersLonger(): boolean {
    return (
      this.#gatheredBytes < RECORD_BYTES &&
      this.#owner.shared.isBusy() &&
      this.#now() - this.#lastFlush < GATHER_MS
    )
  }
}

function flushPlanned(wire: StreamWire): void {
  wire.flushPlanned()
}
