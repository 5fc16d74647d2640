import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createRateLimit } from '../../src/budget/rate-limit.ts'

function limit(rate: number, burst: number) {
  let time = 1_000_000
  const { take } = createRateLimit(rate, burst, () => time)
  return {
    take: (key = 'a', cost?: number) => take(key, cost),
    wait(milliseconds: number) {
      time += milliseconds
    },
  }
}

describe('the rate limit', () => {
  it('allows a burst, and then one per interval', () => {
    const { take, wait } = limit(10, 3)
    assert.deepEqual([take(), take(), take()], [0, 0, 0])
    assert.equal(take(), 0.1)
    wait(99)
    assert.notEqual(take(), 0)
    wait(1)
    assert.equal(take(), 0)
    assert.notEqual(take(), 0)
  })

  it('returns how long to wait, and allows the next one after that', () => {
    const { take, wait } = limit(4, 1)
    take()
    wait(100)
    const seconds = take()
    assert.equal(seconds, 0.15)
    wait(seconds * 1000)
    assert.equal(take(), 0)
  })

  it('allows one that costs more than is left, and delays the next', () => {
    const { take, wait } = limit(10, 3)
    assert.equal(take('a', 5), 0)
    assert.equal(take(), 0.3)
    wait(300)
    assert.equal(take(), 0)
    assert.notEqual(take(), 0)
  })

  it('does not count refusals', () => {
    const { take, wait } = limit(1, 1)
    take()
    for (let tries = 0; tries < 100; tries++) assert.notEqual(take(), 0)
    wait(1000)
    assert.equal(take(), 0)
  })

  it('has a separate allowance per key', () => {
    const { take } = limit(1, 1)
    assert.deepEqual([take('a'), take('b'), take('__proto__')], [0, 0, 0])
    assert.notEqual(take('a'), 0)
  })

  it('limits nothing at a rate of 0', () => {
    const { take } = limit(0, 1)
    for (let tries = 0; tries < 1000; tries++) assert.equal(take(), 0)
  })

  it('allows the same as a token bucket', () => {
    const steps = fc.array(fc.record({ pause: fc.nat(400), tries: fc.integer({ min: 1, max: 5 }) }))
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 10 }),
        steps,
        (rate, burst, all) => {
          const { take, wait } = limit(rate, burst)
          let bucket = burst
          for (const { pause, tries } of all) {
            wait(pause)
            bucket = Math.min(burst, bucket + (pause * rate) / 1000)
            for (let count = 0; count < tries; count++) {
              const allowed = bucket > 1 - 1e-6
              assert.equal(take() === 0, allowed)
              if (allowed) bucket -= 1
            }
          }
        },
      ),
    )
  })

  it('keeps limiting while it forgets a thousand other keys', () => {
    const { take, wait } = limit(1, 1)
    for (let round = 0; round < 3; round++) {
      assert.equal(take('me'), 0)
      for (let other = 0; other < 3000; other++) take(`${round}-${other}`)
      assert.notEqual(take('me'), 0)
      wait(1000)
    }
  })
})
