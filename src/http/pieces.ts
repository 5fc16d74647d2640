import { errorCodes } from 'fastify'
import type { Hold } from '../budget/ledger.ts'
import type { GatewayError } from '../errors.ts'
import { noRoom, SMALL_BYTES } from './memory.ts'

/** Collects bytes that arrive in pieces in one buffer, whose growth is counted. */
export interface Pieces {
  /**
   * Makes room for `bytes`, null if not known, before the first piece. Returns a refusal where they are too many or there is no
   * room.
   */
  expect(bytes: number | null): Refusal | null
  /** Returns a refusal where the bytes are too many, or there is no room. */
  add(piece: Buffer): Refusal | null
  length(): number
  whole(): Buffer
  /** Gives everything back. */
  drop(): void
}

type Refusal = GatewayError | Error

const NOTHING = Buffer.alloc(0)
/** The first size of the buffer for a body of unknown length. */
const FIRST_BYTES = 1024
const MOST_BYTES_AHEAD = 16_384
/** How many times the bytes that have arrived are reserved at most, for a body of known length. */
const MOST_TIMES_AHEAD = 8

/** At most `limit` bytes; `openHold` opens another hold when the request's own has no room. */
export function createPieces(limit: number, openHold: () => Hold): Pieces {
  let bytes = NOTHING
  let length = 0
  /** How long the whole will be, if that is known. */
  let likely: number | null = null
  let hold: Hold | undefined

  function reserve(capacity: number): boolean {
    if (capacity <= SMALL_BYTES) return true
    hold ??= openHold()
    return hold.resize(capacity)
  }

  function capacityFor(next: number): number {
    const isAsExpected = likely !== null && next <= likely
    return isAsExpected
      ? Math.min(likely as number, MOST_TIMES_AHEAD * next)
      : Math.min(limit, Math.max(next, 2 * bytes.length))
  }

  return {
    expect(expected) {
      likely = expected
      if (expected !== null && expected > limit) return tooLarge()
      const capacity = Math.min(expected ?? FIRST_BYTES, MOST_BYTES_AHEAD, limit)
      if (!reserve(capacity)) return noRoom()
      bytes = Buffer.allocUnsafe(capacity)
      return null
    },
    add(piece) {
      const next = length + piece.length
      if (next > limit) return tooLarge()
      if (next > bytes.length) {
        const capacity = capacityFor(next)
        if (!reserve(capacity)) return noRoom()
        const larger = Buffer.allocUnsafe(capacity)
        larger.set(bytes.subarray(0, length))
        bytes = larger
      }
      bytes.set(piece, length)
      length = next
      return null
    },
    length: () => length,
    whole: () => bytes.subarray(0, length),
    drop() {
      bytes = NOTHING
      hold?.release()
    },
  }
}

function tooLarge(): Error {
  return new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()
}
