import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ENTRY_BYTES } from '../../src/broker/store/retention.ts'
import { createEventIds } from '../../src/live/event-ids.ts'
import type { History } from '../../src/live/history.ts'
import { createHistory } from '../../src/live/memory-history.ts'
import { delivery } from '../support/message.ts'

const numbered = (sequence: number, bytes = 1) =>
  delivery(sequence, 't', Buffer.alloc(bytes), { device: null })

const sequences = (entries: { sequence: number }[] | null) =>
  entries?.map(({ sequence }) => sequence) ?? null

const ids = createEventIds('e1')

function historyOf(bounds: { messages: number; bytes: number }, start = 0): History {
  return createHistory(start, bounds, ids.of)
}

describe('the ids of events', () => {
  it('have a number, unless they belong to another store or are not ids', () => {
    assert.equal(ids.numberOf(ids.of(5)), 5)
    for (const id of [
      'e2-2',
      'e1',
      '2',
      '',
      'e1-2x',
      'e1--1',
      'e1-1.5',
      'e1-9007199254740993',
      ' e1-1',
    ])
      assert.equal(ids.numberOf(id), null, id)
  })
})

describe('the history', () => {
  it('begins at the end of the log when it is opened', () => {
    const history = historyOf({ messages: 10, bytes: 1000 }, 7)
    assert.deepEqual([history.earliest(), history.latest()], [7, 7])
    assert.deepEqual(sequences(history.after(7)), [])
    history.add(numbered(9))
    assert.equal(history.after(6), null)
    assert.deepEqual(sequences(history.after(7)), [9])
  })

  it('returns the messages after a number, and none after the last', () => {
    const history = historyOf({ messages: 10, bytes: 1000 })
    for (const sequence of [1, 2, 5]) history.add(numbered(sequence))
    assert.deepEqual(sequences(history.after(1)), [2, 5])
    assert.deepEqual(sequences(history.after(3)), [5])
    assert.deepEqual(sequences(history.after(5)), [])
    assert.deepEqual([history.earliest(), history.latest()], [0, 5])
  })

  it('returns null when some of them are gone or unknown', () => {
    const history = historyOf({ messages: 2, bytes: 1000 })
    for (const sequence of [1, 2, 3]) history.add(numbered(sequence))
    for (const number of [0, 4]) assert.equal(history.after(number), null, `${number}`)
    assert.deepEqual(sequences(history.after(1)), [2, 3])
    assert.deepEqual([history.earliest(), history.latest()], [1, 3])
  })

  it('keeps its bound of bytes, and skips a message larger than that', () => {
    const history = historyOf({ messages: 100, bytes: 3 * (ENTRY_BYTES + 10) })
    for (const sequence of [1, 2, 3, 4]) history.add(numbered(sequence, 9))
    assert.deepEqual(sequences(history.after(1)), [2, 3, 4])
    assert.equal(history.after(0), null)
    history.add(numbered(5, 1_000))
    assert.equal(history.after(4), null)
    assert.deepEqual(sequences(history.after(5)), [])
  })

  it('keeps the properties of a message, and counts their bytes', () => {
    const history = historyOf({ messages: 100, bytes: 300 + 2 * ENTRY_BYTES })
    const properties = { contentType: 'x'.repeat(100), correlationData: Buffer.from([0, 255]) }
    const sent = { ...numbered(1), properties, expires: 5 }
    history.add(sent)
    assert.deepEqual(history.read({ after: 0, upTo: 1, filters: ['#'] }).deliveries, [sent])
    history.add({ ...sent, sequence: 2 })
    assert.deepEqual(sequences(history.after(0)), [1, 2])
    history.add({ ...sent, sequence: 3 })
    assert.equal(history.after(0), null)
    assert.deepEqual(sequences(history.after(1)), [2, 3])
  })

  it('formats an entry once for all readers', () => {
    const history = historyOf({ messages: 10, bytes: 1000 })
    history.add(numbered(1))
    const entry = history.entry(numbered(1))
    assert.equal(history.frame(entry, 'json'), history.frame(entry, 'json'))
    assert.notEqual(history.frame(entry, 'json'), history.frame(entry, 'raw'))
    assert.match(String(history.frame(entry, 'raw')), /^id: e1-1\n/)
  })

  it('returns the same as a simple list, whatever is added', () => {
    const steps = fc.array(fc.record({ skip: fc.nat(3), bytes: fc.nat(20) }), { maxLength: 200 })
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 2_000 }),
        (all, messages, bytes) => {
          const history = historyOf({ messages, bytes })
          const added: number[] = []
          let sequence = 0
          for (const step of all) {
            sequence += 1 + step.skip
            history.add(numbered(sequence, step.bytes))
            added.push(sequence)
          }
          for (let known = 0; known <= sequence + 1; known++) {
            const got = sequences(history.after(known))
            if (got !== null)
              assert.deepEqual(
                got,
                added.filter((number) => number > known),
              )
          }
          assert.deepEqual(sequences(history.after(sequence)), [])
        },
      ),
    )
  })
})
