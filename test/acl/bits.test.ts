import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addTo, type Bits, both, either, lowest, membersOf, without } from '../../src/acl/bits.ts'

const members = fc
  .oneof(
    fc.uniqueArray(fc.nat(5000), { maxLength: 20 }),
    fc.uniqueArray(fc.nat(300), { maxLength: 250, size: 'max' }),
  )
  .map((numbers) => numbers.sort((a, b) => a - b))

function toBits(numbers: readonly number[]): Bits {
  const bits: number[] = []
  for (const number of numbers) addTo(bits, number)
  return bits
}

test('bit sets behave as sets of numbers', () => {
  fc.assert(
    fc.property(members, members, (a, b) => {
      const [x, y] = [toBits(a), toBits(b)]
      assert.deepEqual([...membersOf(x)], a)
      assert.equal(lowest(x), a[0] ?? null)
      const [s, t] = [new Set(a), new Set(b)]
      assert.deepEqual(new Set(membersOf(both(x, y))), s.intersection(t))
      assert.deepEqual(new Set(membersOf(either(x, y))), s.union(t))
      assert.deepEqual(new Set(membersOf(without(x, y))), s.difference(t))
    }),
    { numRuns: 500 },
  )
})
