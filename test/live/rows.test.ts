import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Delivery } from '../../src/broker/delivery.ts'
import type { Row } from '../../src/live/row.ts'
import { createRowChain } from '../../src/live/row-chain.ts'
import { createRows, type RowOwner, type RowTopic, readStored } from '../../src/live/rows.ts'
import { delivery } from '../support/message.ts'

/** Rows of one topic and one device, with what each of them has to be. */
function open() {
  const rows = createRows()
  const topic: RowTopic = { name: 't', latest: 0 }
  const owner: RowOwner = {
    device: 'd',
    entries: 0,
    bytes: 0,
    recent: createRowChain(rows),
    latestOnly: { entries: 0, bytes: 0 },
  }
  const expected = new Map<Row, Delivery>()
  let number = 0
  return {
    rows,
    expected,
    add(size: number, more: Partial<Delivery> = {}): Row {
      number += 1
      const added = delivery(number, 't', Buffer.alloc(size, number), { device: 'd', ...more })
      const row = rows.add(added, topic, owner, number)
      assert.ok(row > 0)
      assert.ok(!expected.has(row))
      expected.set(row, added)
      return row
    },
    remove(row: Row): void {
      rows.remove(row)
      expected.delete(row)
    },
    check(): void {
      for (const [row, message] of expected)
        assert.deepEqual(readStored(rows.message(row)), message)
    },
  }
}

describe('rows of messages outside the heap', () => {
  it('are what was added, whatever is added and removed around them', () => {
    const steps = fc.array(
      fc.record({
        size: fc.constantFrom(0, 1, 7, 100, 5_000, 40_000, 300_000),
        expires: fc.constantFrom(null, 1e12),
        retain: fc.boolean(),
        properties: fc.constantFrom(null, { contentType: 'text/\u{1f600}' }),
        removed: fc.nat(3),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        const { add, remove, check, expected } = open()
        for (const { size, removed, ...more } of all) {
          add(size, more)
          for (const row of [...expected.keys()].slice(0, removed)) remove(row)
        }
        check()
      }),
      { numRuns: 50 },
    )
  })

  it('take little more memory than they need, however long single ones stay among others', () => {
    const { rows, add, remove, check, expected } = open()
    let kept = 0
    for (let count = 0; count < 200_000; count++) {
      const row = add(100)
      // one in a hundred stays, so each page has some of them
      if (count % 100 === 0) kept += 1
      else remove(row)
    }
    check()
    assert.equal(expected.size, kept)
    const pages = new Set([...expected.keys()].map((row) => rows.message(row).page))
    const used = [...pages].reduce((sum, { bytes }) => sum + bytes.length, 0)
    const needed = kept * 184
    assert.ok(used < needed * 1.5 + 2 * 1024 * 1024, `${used} for ${needed}`)
  })

  it('can still be read after they have moved or are gone', () => {
    const { rows, add, remove } = open()
    const row = add(100)
    const message = rows.message(row)
    const before = readStored(message)
    remove(row)
    for (let count = 0; count < 20_000; count++) remove(add(100))
    assert.deepEqual(readStored(message), before)
  })
})
