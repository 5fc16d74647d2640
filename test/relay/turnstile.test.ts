import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRateLimit } from '../../src/budget/rate-limit.ts'
import { createTurnstile } from '../../src/relay/turnstile.ts'

/** A turnstile with a test clock. */
function open({ rate = 10, burst = 1 } = {}) {
  let time = 0
  let takes = 0
  const limit = createRateLimit(rate, burst, () => time)
  const { enter } = createTurnstile({
    take(key) {
      takes += 1
      return limit.take(key)
    },
  })
  const gone: string[] = []
  return {
    enter: (name: string, key = 'a') => enter(key, 1, () => gone.push(name)),
    gone,
    takes: () => takes,
    /** Advances the clock and timers. */
    pass(context: { mock: { timers: { tick(milliseconds: number): void } } }, ms: number) {
      time += ms
      context.mock.timers.tick(ms)
    },
  }
}

describe('the turnstile', () => {
  it('lets waiting publishers through at the rate, in order', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const { enter, gone, pass } = open()
    assert.equal(enter('first'), null)
    for (const name of ['b', 'c', 'd']) assert.notEqual(enter(name), null)
    assert.equal(enter('other', 'b'), null)
    pass(context, 99)
    assert.deepEqual(gone, [])
    pass(context, 1)
    assert.deepEqual(gone, ['b'])
    // a new publisher does not overtake those that wait
    assert.notEqual(enter('e'), null)
    for (let count = 0; count < 3; count++) pass(context, 100)
    assert.deepEqual(gone, ['b', 'c', 'd', 'e'])
    pass(context, 100)
    assert.equal(enter('f'), null)
  })

  it('gives no turn to a publisher that has left', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const { enter, gone, pass } = open()
    enter('first')
    const leave = enter('gone')
    enter('stays')
    leave?.()
    pass(context, 100)
    assert.deepEqual(gone, ['stays'])
  })

  it('asks the rate limit once per turn, however many wait', (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] })
    const { enter, gone, pass, takes } = open()
    for (let count = 0; count <= 5000; count++) enter(`${count}`)
    for (let count = 0; count < 10; count++) pass(context, 100)
    assert.equal(gone.length, 10)
    assert.ok(takes() <= 22, `${takes()}`)
  })
})
