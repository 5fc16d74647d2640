import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { createSorted } from '../../src/live/sorted.ts'

const number = fc.nat(3_000)

it('a sorted list holds each item once and in order, whatever is added and removed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('add', 'add', 'delete', 'first', 'run'), number), {
        maxLength: 200,
      }),
      number,
      (steps, asked) => {
        const sorted = createSorted<number>((one, other) => one - other)
        const expected = new Set<number>()
        const add = (n: number) => {
          if (expected.has(n)) return
          expected.add(n)
          sorted.add(n)
        }
        const removeFirst = () => {
          const first = sorted.first()
          if (first === undefined) return
          assert.equal(first, Math.min(...expected))
          expected.delete(first)
          assert.ok(sorted.delete(first))
        }
        for (const [step, n] of steps) {
          if (step === 'add') add(n)
          else if (step === 'first') for (let count = 0; count < n / 10; count++) removeFirst()
          else if (step === 'delete') assert.equal(sorted.delete(n), expected.delete(n))
          // enough for several blocks
          else for (let later = n; later < n + 400; later++) add(later)
        }
        const all = [...expected].sort((a, b) => a - b)
        assert.equal(sorted.size, all.length)
        assert.equal(sorted.first(), all[0])
        assert.equal(sorted.last(), all.at(-1))
        assert.deepEqual(
          [...sorted.forward((n) => n < asked)],
          all.filter((n) => n >= asked),
        )
        assert.deepEqual(
          [...sorted.backward((n) => n > asked)],
          all.filter((n) => n <= asked).reverse(),
        )
      },
    ),
  )
})
