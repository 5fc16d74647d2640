import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ENTRY_BYTES } from '../../src/broker/store/retention.ts'
import { createMemoryHistory, type MemoryBounds } from '../../src/live/memory-history.ts'
import { delivery } from '../support/message.ts'

const SECOND = 1_000
const ALL = { after: 0, upTo: 1e9, filters: ['#'] }
/** The size that one message of these tests counts as. */
const EACH = ENTRY_BYTES + 2

/** A log with room for that many messages, and a test clock. */
function open(messages: number, more: Partial<MemoryBounds> = {}) {
  const clock = { now: 1e12 }
  const retention = {
    ageMs: 1e9,
    bytes: messages * EACH,
    bytesPerDevice: 2 * messages * EACH,
    topicTtlMs: 2e9,
    topics: 1_000,
    messages: 5,
    ...more,
  }
  const log = createMemoryHistory(
    retention,
    (number) => `e-${number}`,
    () => clock.now,
  )
  let number = 0
  const publish = (topic: string, device = 'd') => {
    number += 1
    const message = delivery(number, topic, 'x', {
      device,
      time: clock.now,
      received: clock.now,
    })
    log.add(message)
    return log.entry(message)
  }
  const rows = () =>
    log.read({ ...ALL, after: log.state().trimmed }).deliveries.map(({ sequence }) => sequence)
  const latest = () => {
    const found: [string, number][] = []
    for (let after: string | null = ''; after !== null; ) {
      const page = log.readTopics({ after, filters: ['#'] })
      found.push(
        ...page.deliveries.map(({ topic, sequence }): [string, number] => [topic, sequence]),
      )
      after = page.reached
    }
    return found
  }
  return { log, clock, publish, rows, latest }
}

describe('the history of a broker without a disk', () => {
  it('drops the oldest beyond its bytes and age, but not the latest of a topic', () => {
    const { log, clock, publish, rows, latest } = open(10)
    publish('q')
    for (let count = 0; count < 20; count++) publish('a')
    assert.deepEqual(rows(), [13, 14, 15, 16, 17, 18, 19, 20, 21])
    assert.deepEqual(log.state(), {
      trimmed: 12,
      thinned: 0,
      usage: { entries: 10, bytes: 10 * EACH },
    })
    assert.deepEqual(latest(), [
      ['a', 21],
      ['q', 1],
    ])
    clock.now += 1e9
    assert.deepEqual(rows(), [])
    assert.deepEqual(latest(), [
      ['a', 21],
      ['q', 1],
    ])
    clock.now += 1e9
    assert.deepEqual(latest(), [])
    assert.deepEqual(log.state().usage, { entries: 0, bytes: 0 })
  })

  it('keeps only the share of one device, and everything of another', () => {
    const { log, clock, publish, rows, latest } = open(10, { bytesPerDevice: 4 * EACH })
    publish('a', 'quiet')
    publish('b', 'loud')
    publish('c', 'quiet')
    for (let count = 0; count < 100; count++) {
      clock.now += SECOND
      publish('d', 'loud')
    }
    // the latest message of b is kept
    assert.deepEqual(rows(), [1, 2, 3, 101, 102, 103])
    assert.deepEqual(latest(), [
      ['a', 1],
      ['b', 2],
      ['c', 3],
      ['d', 103],
    ])
    assert.deepEqual(log.state().trimmed, 0)
    assert.deepEqual(log.state().thinned, 100)
    publish('b', 'loud')
    assert.deepEqual(rows(), [1, 3, 101, 102, 103, 104])
  })

  it('keeps at most half of the topics for one device', () => {
    const { publish, latest } = open(100, { topics: 20 })
    publish('a', 'quiet')
    for (let count = 0; count < 1_000; count++) publish(`t/${count}`, 'loud')
    const kept = latest()
    assert.deepEqual(kept[0], ['a', 1])
    assert.equal(kept.filter(([, number]) => number <= 900).length, 1 + 10)
  })

  it('stays within its bounds and keeps the latest of each topic, whatever is added', () => {
    const steps = fc.array(
      fc.record({
        topic: fc.constantFrom('a', 'b', 'c/\u{1f600}', 'c/\ufb01'),
        device: fc.constantFrom('d', 'e'),
        later: fc.constantFrom(0, 1, 5e8, 2e9),
      }),
      { maxLength: 100 },
    )
    fc.assert(
      fc.property(steps, fc.integer({ min: 16, max: 40 }), (all, messages) => {
        const { log, clock, publish, rows, latest } = open(messages, { bytesPerDevice: 12 * EACH })
        const newest = new Map<string, { number: number; time: number }>()
        for (const [index, { topic, device, later }] of all.entries()) {
          clock.now += later
          publish(topic.slice(0, 1), device)
          newest.set(topic.slice(0, 1), { number: index + 1, time: clock.now })
        }
        const { trimmed, thinned, usage } = log.state()
        assert.ok((usage?.entries ?? 0) <= messages)
        const left = rows()
        for (let number = Math.max(trimmed, thinned) + 1; number <= all.length; number++)
          assert.ok(left.includes(number), `${number} is gone`)
        const expected = [...newest].filter(([, { time }]) => time > clock.now - 2e9)
        assert.deepEqual(latest(), expected.map(([topic, { number }]) => [topic, number]).sort())
      }),
    )
  })

  it('has the newest messages formatted, and returns those after a given one', () => {
    const { log, publish } = open(10)
    for (let count = 0; count < 8; count++) publish('a')
    assert.deepEqual([log.earliest(), log.latest()], [3, 8])
    assert.equal(log.after(2), null)
    assert.equal(log.after(9), null)
    assert.deepEqual(
      log.after(6)?.map(({ sequence }) => sequence),
      [7, 8],
    )
    assert.deepEqual(log.after(8), [])
    for (let count = 0; count < 100; count++) publish('a')
    assert.deepEqual([log.earliest(), log.latest()], [103, 108])
  })

  it('formats one of the last entries once for all readers, and older ones again', () => {
    const { log, publish } = open(200, { messages: 200 })
    const frame = log.frame(publish('a'), 'json')
    assert.match(String(frame), /^id: e-1\n/)
    const again = () => {
      const [entry] = log.after(0) ?? []
      assert.ok(entry)
      return log.frame(entry, 'json')
    }
    assert.equal(again(), frame)
    for (let count = 0; count < 64; count++) publish('a')
    assert.notEqual(again(), frame)
    assert.deepEqual(again(), frame)
  })

  it('has an entry also for a message that it does not keep', () => {
    const { log, publish } = open(10, { bytes: 0 })
    assert.match(String(log.frame(publish('a'), 'json')), /"topic":"a"/)
    assert.equal(log.state().usage?.entries, 0)
  })
})
