import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createStates } from '../../src/dashboard/states.ts'

test('states are runs of the same text', () => {
  const states = createStates()
  for (const [time, text] of ['open', 'open', 'closed', null, 'closed'].entries())
    states.add(time, text)
  assert.deepEqual(states.since(0), [
    { from: 0, last: 1, text: 'open' },
    { from: 2, last: 2, text: 'closed' },
    { from: 3, last: 3, text: null },
    { from: 4, last: 4, text: 'closed' },
  ])
  assert.deepEqual(
    states.since(1).map(({ from }) => from),
    [0, 2, 3, 4],
  )
})

test('each state begins and ends with a message, in whatever order they arrive', () => {
  const messages = fc.uniqueArray(fc.tuple(fc.nat(50), fc.constantFrom('a', 'b', 'c')), {
    selector: ([time]) => time,
    maxLength: 20,
  })
  fc.assert(
    fc.property(messages, (messages) => {
      const states = createStates()
      for (const [time, text] of messages) states.add(time, text)
      const runs = states.since(0)
      const texts = new Map(messages)
      for (const [index, { from, last, text }] of runs.entries()) {
        assert.deepEqual([texts.get(from), texts.get(last)], [text, text])
        assert.ok(from <= last && last < (runs[index + 1]?.from ?? Infinity))
      }
      const latest = Math.max(-1, ...texts.keys())
      assert.equal(runs.at(-1)?.text, texts.get(latest))
    }),
  )
})

test('the number of runs is bounded', () => {
  const states = createStates(32)
  for (let n = 0; n < 100; n++) states.add(n, String(n))
  assert.equal(states.since(0).length, 32)
  assert.equal(states.since(0)[0]?.text, '68')
})
