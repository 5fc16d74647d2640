import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createBackOff } from '../../src/uplink/back-off.ts'

const pausesOf = (random: number, count: number) => {
  const backOff = createBackOff(() => random)
  return Array.from({ length: count }, () => backOff.nextMs())
}

describe('the pauses between attempts', () => {
  it('double, up to half a minute', () => {
    assert.deepEqual(pausesOf(1, 9), [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  it('are at least half as long, by chance', () => {
    assert.deepEqual(pausesOf(0, 9), [125, 250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  })

  for (const [name, lastedMs, wasUseful, next] of [
    ['are short again after a connection that was useful', 0, true, 250],
    ['are short again after a connection that lasted', 10_000, false, 250],
    ['grow on after a connection that broke at once', 9_999, false, 1000],
  ] as const)
    it(name, () => {
      const backOff = createBackOff(() => 1)
      backOff.nextMs()
      backOff.nextMs()
      backOff.noteConnection(lastedMs, wasUseful)
      assert.equal(backOff.nextMs(), next)
    })
})
