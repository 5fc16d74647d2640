import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFifo } from '../../../src/broker/store/fifo.ts'

const MEMBERS = Array.from({ length: 6 }, (_, number) => ({ number }))

test('a fifo set behaves as a list, whatever is added and deleted', () => {
  const step = fc.tuple(
    fc.constantFrom('add', 'delete', 'delete first', 'look'),
    fc.constantFrom(...MEMBERS),
  )
  fc.assert(
    fc.property(fc.subarray(MEMBERS), fc.array(step), (begin, steps) => {
      const fifo = createFifo(begin)
      let list = [...begin]
      for (const [what, member] of steps) {
        const gone = what === 'delete first' ? list[0] : member
        if (what === 'add') {
          fifo.add(member)
          if (!list.includes(member)) list.push(member)
        } else if (what !== 'look' && gone) {
          assert.equal(fifo.delete(gone), list.includes(gone))
          list = list.filter((one) => one !== gone)
        }
        // sometimes the first is not read between two changes
        if (what !== 'delete') assert.equal(fifo.first(), list[0])
        assert.equal(fifo.size(), list.length)
        assert.deepEqual([...fifo.values()], list)
      }
    }),
  )
})
