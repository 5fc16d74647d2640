import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Hold } from '../../src/budget/ledger.ts'
import { createPieces } from '../../src/http/pieces.ts'

const KiB = 1024
const LIMIT = 1024 * KiB

/** Adds pieces of 16 KiB, and returns the sizes of the buffers that were reserved for them. */
function reserve(expected: number | null, bytes: number): number[] {
  const sizes: number[] = []
  const hold: Hold = {
    resize(size) {
      sizes.push(size)
      return true
    },
    force() {},
    fits: () => true,
    release() {},
  }
  const pieces = createPieces(LIMIT, () => hold)
  assert.equal(pieces.expect(expected), null)
  for (let left = bytes; left > 0; left -= 16 * KiB) {
    const piece = Buffer.alloc(Math.min(left, 16 * KiB), 'x')
    assert.equal(pieces.add(piece), null)
  }
  assert.equal(pieces.whole().toString('latin1'), 'x'.repeat(bytes))
  return sizes
}

it('a body of known length gets a buffer of that length, once a part of it has arrived', () => {
  assert.deepEqual(reserve(70_000, 70_000), [16 * KiB, 70_000])
  assert.deepEqual(reserve(LIMIT, LIMIT), [16 * KiB, 256 * KiB, LIMIT])
})

it('a body of unknown length, or longer than expected, gets twice as much each time', () => {
  assert.deepEqual(reserve(null, 40 * KiB), [16 * KiB, 32 * KiB, 64 * KiB])
  assert.deepEqual(reserve(20 * KiB, 50 * KiB), [16 * KiB, 32 * KiB, 64 * KiB])
})
