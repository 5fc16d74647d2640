import type { Duplex } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'
import { type Join, joinPackets } from './join.ts'

/** The packets that are on their way to one client: gathered for a turn of the event loop or longer, then written as one. */
export interface Wire {
  /** Bytes that the system has not taken yet. */
  waiting(): number
  /** Whether there is room in memory for more, where much waits already. */
  hasRoom(): boolean
  /** Milliseconds for which something has waited and the system has taken nothing. */
  quiet(): number
  write(bytes: Buffer): void
  /** Writes everything, and ends the stream. */
  end(): void
}

export interface WireOptions {
  /** Counts what waits. */
  readonly held: Pick<Hold, 'resize' | 'fits'>
  /** The system has taken what was written. */
  onTaken(): void
  /** There is no room in memory for what was written. */
  onFull(): void
  readonly join?: Join
  /** Whether work waits for its turn. */
  isBusy?(): boolean
  /** A monotonic clock in milliseconds. */
  now?(): number
}

/** This many bytes do not wait for the end of the turn, and go to the stream as one write. */
const PIECE_BYTES = 65_536
/** Writes that the stream has at once: each that it is done with shows that the client still takes something. */
const MOST_WRITES = 2
/** So many small pieces become one: each takes a hundred bytes besides its own. */
const FOLDED = 64
/** Milliseconds between two writes to a client while work waits: a write of many packets costs little more than one of a single packet. */
const GATHER_MS = 10
/** This many bytes are not gathered for longer: TLS sends them as a record of its largest size. */
const RECORD_BYTES = 16_384

export function createWire(stream: Duplex, options: WireOptions): Wire {
  const { held, onTaken, onFull, join = joinPackets } = options
  const { isBusy = () => false, now = () => performance.now() } = options
  let gathered: Buffer[] = []
  let gatheredBytes = 0
  // what the stream is not given before it is done with a write
  let later: Buffer[] = []
  let laterBytes = 0
  let unfolded = 0
  let writes = 0
  let isPlanned = false
  let lastTaken = now()
  let lastFlush = Number.NEGATIVE_INFINITY

  function waiting(): number {
    return gatheredBytes + laterBytes + stream.writableLength
  }

  function flush(): void {
    if (gatheredBytes === 0 || stream.destroyed) return
    lastFlush = now()
    const bytes = join(gathered, gatheredBytes)
    gathered = []
    gatheredBytes = 0
    if (writes < MOST_WRITES && later.length === 0) pass(bytes)
    else postpone(bytes)
    if (!held.resize(waiting())) onFull()
  }

  function pass(bytes: Buffer): void {
    writes += 1
    stream.write(bytes, taken)
  }

  function postpone(bytes: Buffer): void {
    later.push(bytes)
    laterBytes += bytes.length
    unfolded = bytes.length < PIECE_BYTES ? unfolded + 1 : 0
    if (unfolded < FOLDED) return
    later.push(Buffer.concat(later.splice(-FOLDED)))
    unfolded = 0
  }

  function taken(): void {
    writes -= 1
    lastTaken = now()
    if (later.length > 0 && !stream.destroyed) pass(nextPiece())
    held.resize(waiting())
    onTaken()
  }

  function nextPiece(): Buffer {
    let count = 0
    let bytes = 0
    while (count < later.length && bytes < PIECE_BYTES) bytes += (later[count++] as Buffer).length
    unfolded = Math.min(unfolded, later.length - count)
    laterBytes -= bytes
    return joinPackets(later.splice(0, count), bytes)
  }

  function flushPlanned(): void {
    isPlanned = false
    if (gathersLonger()) plan()
    else flush()
  }

  function gathersLonger(): boolean {
    return gatheredBytes < RECORD_BYTES && isBusy() && now() - lastFlush < GATHER_MS
  }

  function plan(): void {
    if (isPlanned) return
    isPlanned = true
    setImmediate(flushPlanned)
  }

  return {
    waiting,
    hasRoom: () => {
      const bytes = waiting()
      return bytes < PIECE_BYTES || held.fits(bytes + PIECE_BYTES)
    },
    quiet: () => now() - lastTaken,
    write(bytes) {
      if (gatheredBytes === 0 && writes === 0) lastTaken = now()
      gathered.push(bytes)
      gatheredBytes += bytes.length
      if (gatheredBytes >= PIECE_BYTES) flush()
      plan()
    },
    end() {
      flush()
      if (later.length > 0) pass(joinPackets(later, laterBytes))
      later = []
      laterBytes = 0
      stream.end()
    },
  }
}
