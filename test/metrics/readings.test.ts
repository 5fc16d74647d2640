import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createReadings, numberIn } from '../../src/metrics/readings.ts'
import type { Message } from '../../src/topic/message.ts'
import { message } from '../support/message.ts'

const NOON = Date.parse('2026-11-23T12:00:00Z')
const TTL = 60_000

function open(series = 10, perDevice = series) {
  let time = NOON
  const readings = createReadings({ series, perDevice, ttlMs: TTL, now: () => time })
  return {
    readings,
    wait(milliseconds: number) {
      time += milliseconds
    },
    note(device: string | null, topic: string, payload: string, more: Partial<Message> = {}) {
      readings.note(message(topic, payload, { device, time, received: time, ...more }))
    },
    shown: () =>
      Object.fromEntries(
        readings.current().map(({ device, topic, value }) => [`${device} ${topic}`, value]),
      ),
  }
}

describe('readings', () => {
  it('are the last number of each device and topic', () => {
    const { note, shown } = open()
    note('a', 't', '1')
    note('a', 't', '2')
    note('a', 'u', '3')
    note('b', 't', '4')
    assert.deepEqual(shown(), { 'a t': 2, 'a u': 3, 'b t': 4 })
  })

  it('do not change with a payload that is not a number', () => {
    const { note, shown } = open()
    note('a', 't', '1')
    note('a', 't', 'on')
    assert.deepEqual(shown(), { 'a t': 1 })
  })

  it('are not replaced by older ones that arrive late', () => {
    const { note, shown, wait, readings } = open()
    note('a', 't', '1')
    wait(1000)
    note('a', 't', '2', { time: NOON - 1 })
    assert.deepEqual(shown(), { 'a t': 1 })
    // the device counts as heard nevertheless
    assert.equal(readings.lastSeen().get('a'), NOON + 1000)
    note('a', 't', '3', { time: NOON + 500 })
    assert.deepEqual(shown(), { 'a t': 3 })
    note('a', 'u', '4', { time: NOON - TTL })
    assert.deepEqual(shown(), { 'a t': 3 })
  })

  it('are replaced by new ones, even if the clock was set back', () => {
    const { note, shown, wait } = open()
    note('a', 't', '1')
    wait(-10_000)
    note('a', 't', '2')
    assert.deepEqual(shown(), { 'a t': 2 })
  })

  it('expire after their TTL, and not before', () => {
    const { note, shown, wait, readings } = open()
    note('a', 't', '1')
    wait(TTL)
    note('b', 't', '2')
    assert.deepEqual(shown(), { 'a t': 1, 'b t': 2 })
    wait(1)
    assert.deepEqual(shown(), { 'b t': 2 })
    assert.deepEqual([...readings.lastSeen().keys()], ['b'])
  })

  it('are bounded, and others are counted until there is room', () => {
    const { note, shown, wait, readings } = open(2)
    note('a', '1', '1')
    note('a', '2', '2')
    note('a', '3', '3')
    note('a', '1', '4')
    assert.deepEqual(shown(), { 'a 1': 4, 'a 2': 2 })
    assert.equal(readings.overflowed, 1)
    wait(TTL + 1)
    note('a', '3', '5')
    assert.deepEqual(shown(), { 'a 3': 5 })
    assert.equal(readings.overflowed, 1)
  })

  it('are bounded per device, which leaves room for others', () => {
    const { note, shown, wait, readings } = open(3, 2)
    for (let count = 0; count < 1000; count++) note('a', String(count), '1')
    note('b', 't', '2')
    assert.deepEqual(shown(), { 'a 0': 1, 'a 1': 1, 'b t': 2 })
    assert.equal(readings.overflowed, 998)
    wait(TTL + 1)
    note('a', 'later', '3')
    assert.deepEqual(shown(), { 'a later': 3 })
  })

  it('leave out and count a topic that is too long for a label', () => {
    const { note, shown, readings } = open(2)
    note('a', 't'.repeat(513), '1')
    note('a', 't'.repeat(512), '2')
    assert.deepEqual(shown(), { [`a ${'t'.repeat(512)}`]: 2 })
    assert.equal(readings.overflowed, 1)
  })

  it('are off with a bound of 0', () => {
    const { note, shown, readings } = open(0)
    note('a', 't', '1')
    assert.deepEqual([shown(), readings.overflowed, readings.lastSeen().size], [{}, 1, 0])
  })

  it('have the time when each device was last heard, with or without a number', () => {
    const { note, readings, wait } = open(2)
    note('a', 't', 'on')
    wait(1000)
    note('b', 't', '1')
    wait(1000)
    note('a', 'u', '2')
    note('c', 't', '3')
    const seen = Object.fromEntries(readings.lastSeen())
    assert.deepEqual(seen, { a: NOON + 2000, b: NOON + 1000 })
  })

  it('leave out messages without a device', () => {
    const { note, shown, readings } = open()
    note(null, 't', '1')
    assert.deepEqual([shown(), readings.lastSeen().size], [{}, 0])
  })

  it('tell devices and topics apart, whatever their names', () => {
    const { note, shown } = open()
    note('a', 'b t', '1')
    note('a b', 't', '2')
    note('__proto__', 'constructor', '3')
    assert.equal(Object.values(shown()).length, 2)
  })
})

describe('a number', () => {
  it('is a decimal number, with or without space around it', () => {
    for (const [text, value] of [
      ...[
        ['0', 0],
        ['-1', -1],
        ['+1', 1],
        ['21.5', 21.5],
        ['.5', 0.5],
        ['5.', 5],
      ],
      ...[
        ['1e3', 1000],
        ['1E-3', 0.001],
        [' 1\r\n', 1],
        ['007', 7],
        ['-0', -0],
      ],
    ] as const)
      assert.equal(numberIn(Buffer.from(text)), value, text)
  })

  it('is nothing else', () => {
    for (const text of [
      ...['', ' ', '.', '-', '+', 'e', '1e', 'e1', '1 2', '1,5', '1_000', '--1', '1-', '0x10'],
      ...['0b1', '0o7', 'NaN', 'Infinity', '-Infinity', '1e999', 'true', 'null', '[1]', '"1"'],
      ...['1\0', '١', '１', '1'.repeat(41), ' '.repeat(40)],
    ])
      assert.equal(numberIn(Buffer.from(text)), null, JSON.stringify(text))
  })

  it('is read in every notation that JavaScript writes', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(finite, (value) => {
        // JavaScript writes -0 as 0
        assert.equal(numberIn(Buffer.from(String(value))), value === 0 ? 0 : value)
      }),
    )
  })

  it('has the value that JavaScript reads, with any number of digits', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[+-]?\d{1,17}(\.\d{0,17})?$/), (text) => {
        assert.equal(numberIn(Buffer.from(text)), Number(text))
      }),
    )
  })

  it('is refused quickly, however hostile the text', () => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 60 })
    fc.assert(
      fc.property(bytes, (payload) => {
        const value = numberIn(Buffer.from(payload))
        assert.ok(value === null || Number.isFinite(value))
      }),
    )
  })
})

describe('the expiry of certificates', () => {
  it('is kept for devices that were heard, up to a bound', () => {
    const { readings, note, wait } = open(2)
    const ends = () => [...readings.certificateEnds()]
    readings.noteCertificate('a', 1)
    readings.noteCertificate('b', 2)
    assert.deepEqual(ends(), [])
    note('a', 't', '1')
    assert.deepEqual(ends(), [['a', 1]])
    // devices that only connected make room first
    readings.noteCertificate('c', 3)
    note('c', 't', '1')
    readings.noteCertificate('a', 4)
    readings.noteCertificate('d', 5)
    assert.deepEqual(ends(), [
      ['a', 4],
      ['c', 3],
    ])
    wait(TTL + 1)
    assert.deepEqual(ends(), [])
  })
})
