import type { Duplex } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'
import { type Join, joinPackets } from './join.ts'

/** What is on its way to one client: gathered for a turn of the event loop, then written as one. */
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
}

/** This many bytes do not wait for the end of the turn, and go to the stream as one write. */
const PIECE_BYTES = 65_536
/** Writes that the stream has at once: each that it is done with shows that the client still takes something. */
const MOST_WRITES = 2
/** So many small pieces become one: each takes a hundred bytes besides its own. */
const FOLDED = 64

export function createWire(
  stream: Duplex,
  { held, onTaken, onFull, join = joinPackets }: WireOptions,
): Wire {
  let gathered: Buffer[] = []
  let gatheredBytes = 0
  // what the stream is not given before it is done with a write
  let later: Buffer[] = []
  let laterBytes = 0
  let unfolded = 0
  let writes = 0
  let isPlanned = false
  let lastTaken = performance.now()

  function waiting(): number {
    return gatheredBytes + laterBytes + stream.writableLength
  }

  function flush(): void {
    if (gatheredBytes === 0 || stream.destroyed) return
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
    lastTaken = performance.now()
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
    flush()
  }

  return {
    waiting,
    hasRoom: () => {
      const bytes = waiting()
      return bytes < PIECE_BYTES || held.fits(bytes + PIECE_BYTES)
    },
    quiet: () => performance.now() - lastTaken,
    write(bytes) {
      if (gatheredBytes === 0 && writes === 0) lastTaken = performance.now()
      gathered.push(bytes)
      gatheredBytes += bytes.length
      if (gatheredBytes >= PIECE_BYTES) flush()
      if (isPlanned) return
      isPlanned = true
      setImmediate(flushPlanned)
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
