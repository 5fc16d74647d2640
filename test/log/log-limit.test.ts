import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLogLimit } from '../../src/log/log-limit.ts'

const MINUTE = 60_000

function open(most?: number) {
  let time = 0
  const lines: [key: string, repeated: number | undefined][] = []
  const limited = createLogLimit(() => time, most)
  return {
    lines,
    pass(milliseconds: number) {
      time += milliseconds
    },
    note: (key: string) => limited(key, ({ repeated }) => lines.push([key, repeated])),
  }
}

describe('the limit of log lines', () => {
  it('logs a key once a minute, with the number of calls in between', () => {
    const { lines, pass, note } = open()
    for (let count = 0; count < 5; count++) note('a')
    note('b')
    pass(MINUTE - 1)
    note('a')
    assert.deepEqual(lines.splice(0), [
      ['a', undefined],
      ['b', undefined],
    ])
    pass(1)
    note('a')
    note('b')
    assert.deepEqual(lines, [
      ['a', 5],
      ['b', undefined],
    ])
  })

  it('logs a key as often as a larger limit allows', () => {
    const { lines, pass, note } = open(3)
    for (let count = 0; count < 5; count++) note('a')
    assert.equal(lines.length, 3)
    pass(MINUTE)
    note('a')
    assert.deepEqual(lines.at(-1), ['a', 2])
  })

  it('tells long keys apart', () => {
    const { lines, note } = open()
    for (const end of ['a', 'b', 'a']) note(`${'x'.repeat(60_000)}${end}`)
    assert.equal(lines.length, 2)
  })

  it('forgets the oldest key beyond 10,000, whatever keys a client invents', () => {
    const { lines, note } = open()
    for (let number = 0; number < 10_001; number++) note(`${number}`)
    lines.length = 0
    note('10000')
    assert.deepEqual(lines, [])
    note('0')
    assert.deepEqual(lines, [['0', undefined]])
  })
})
