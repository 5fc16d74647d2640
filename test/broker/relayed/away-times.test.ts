import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { createAwayTimes } from '../../../src/broker/relayed/away-times.ts'

it('the seconds that a broker was away after a number are counted, never too few', () => {
  const times = fc.array(fc.record({ step: fc.nat(5), seconds: fc.nat(100) }), { maxLength: 150 })
  fc.assert(
    fc.property(times, fc.nat(700), (all, number) => {
      const away = createAwayTimes()
      let at = 0
      let exact = 0
      for (const { step, seconds } of all) {
        at += step
        away.add(at, seconds)
        if (at >= number) exact += seconds
      }
      const counted = away.after(number)
      assert.ok(counted >= exact)
      if (all.length <= 100) assert.equal(counted, exact)
    }),
  )
})

it('a broker that was never away counts no seconds', () => {
  const away = createAwayTimes()
  assert.equal(away.after(0), 0)
  away.add(7, 0.2)
  assert.deepEqual([away.after(7), away.after(8)], [1, 0])
})
