import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { createRateLimit } from '../../src/budget/rate-limit.ts'
import { createHandshakePace } from '../../src/door/handshake-pace.ts'

describe('the pace of handshakes', () => {
  function open(rate: number, ratePerAddress: number) {
    let time = 0
    const now = () => time
    mock.timers.enable({ apis: ['setTimeout'] })
    const pace = createHandshakePace({
      rate,
      now,
      takeOf: createRateLimit(ratePerAddress, ratePerAddress, now).take,
    })
    const begun: string[] = []
    return {
      begun,
      /** Returns a function that gives up the turn; null if it came at once. */
      ask(address: string, name = address): (() => void) | null {
        const begin = () => void begun.push(name)
        if (!pace.take(address)) return pace.wait(address, begin)
        begin()
        return null
      },
      wait(milliseconds: number) {
        for (let left = milliseconds; left > 0; left -= 1) {
          time += 1
          mock.timers.tick(1)
        }
      },
      [Symbol.dispose]: () => mock.timers.reset(),
    }
  }

  it('starts as many as one second allows at once, then one after the other', () => {
    using at = open(10, 0)
    const turns = Array.from({ length: 15 }, () => at.ask('a'))
    assert.equal(at.begun.length, 10)
    assert.deepEqual(
      turns.map((cancel) => cancel !== null),
      [...Array(10).fill(false), ...Array(5).fill(true)],
    )
    at.wait(201)
    assert.equal(at.begun.length, 12)
    at.wait(1000)
    assert.equal(at.begun.length, 15)
  })

  it('gives each address its turn, however many another one waits for', () => {
    using at = open(10, 0)
    for (let n = 0; n < 100; n++) at.ask('flood')
    at.ask('one')
    at.ask('other')
    at.wait(401)
    assert.deepEqual(at.begun.slice(10).toSorted(), ['flood', 'flood', 'one', 'other'])
  })

  it('limits one address to its rate, and no other', () => {
    using at = open(100, 10)
    for (let n = 0; n < 50; n++) at.ask('flood')
    assert.equal(at.begun.length, 10)
    at.ask('one')
    assert.equal(at.begun.at(-1), 'one')
    at.wait(1001)
    assert.equal(at.begun.length, 21)
  })

  it('forgets a connection that closes before its turn', () => {
    using at = open(1, 0)
    at.ask('a', 'first')
    const turn = at.ask('a', 'gone')
    at.ask('a', 'second')
    turn?.()
    at.wait(1001)
    assert.deepEqual(at.begun, ['first', 'second'])
  })

  it('delays nobody at a rate of 0', () => {
    using at = open(0, 0)
    for (let n = 0; n < 10_000; n++) at.ask('a')
    assert.equal(at.begun.length, 10_000)
  })
})
