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

/** At most `limit` bytes; `openHold` opens another hold when the request's own has no room. */
export function createPieces(limit: number, openHold: () => Hold): Pieces {
  let bytes = NOTHING
  let length = 0
  let hold: Hold | undefined

  function reserve(capacity: number): boolean {
    if (capacity <= SMALL_BYTES) return true
    hold ??= openHold()
    return hold.resize(capacity)
  }

  return {
    expect(expected) {
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
        const capacity = Math.min(limit, Math.max(next, 2 * bytes.length))
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
