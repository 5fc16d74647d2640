import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isWithin, parseTime, timedProperties, timeIn } from '../../src/topic/time.ts'

const EIGHT = Date.UTC(2026, 10, 24, 8)

describe('a time', () => {
  it('is RFC 3339, Unix seconds or Unix milliseconds', () => {
    for (const [text, time] of [
      ['2026-11-24T08:00:00Z', EIGHT],
      ['2026-11-24t09:00:00.5+01:00', EIGHT + 500],
      ['2026-11-24 23:59:00.123456789+15:59', EIGHT + 123],
      ['2028-02-29T08:00:00Z', Date.UTC(2028, 1, 29, 8)],
      ['1795507200', EIGHT],
      ['1795507200.25', EIGHT + 250],
      ['1795507200250', EIGHT + 250],
      ['1795507200250.75', EIGHT + 250],
      ['0', 0],
    ] as const)
      assert.equal(parseTime(text), time, text)
  })

  it('is nothing else', () => {
    for (const text of [
      ...[
        '',
        'now',
        '-6h',
        '-1',
        '1e9',
        '0x10',
        'Infinity',
        'NaN',
        ' 1795507200',
        '99999999999999999',
      ],
      ...['2026-11-24', '2026-11-24T08:00', '2026-11-24T08:00:00', '2026-13-24T08:00:00Z'],
      ...['2026-11-24T25:00:00Z', '2026-11-24T08:00:00+1', '2026-11-24T08:00:00Z\n'],
      ...['2026-02-30T08:00:00Z', '2027-02-29 08:00:00Z', '2026-04-31T08:00:00+01:00'],
      ...['2026-00-10T08:00:00Z', '2026-01-00T08:00:00Z', '2026-11-24T24:00:00Z'],
      ...['2026-11-24 08:00:00+24:00', '2026-11-24T08:60:00Z', '2026-11-24T08:00:61Z'],
    ])
      assert.equal(parseTime(text), null, text)
  })

  it('is parsed exactly or refused, whatever is written', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), noInvalidDate: true }), (date) => {
        if (date.getUTCFullYear() <= 9999) assert.equal(parseTime(date.toISOString()), +date)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        const time = parseTime(text)
        assert.ok(time === null || (Number.isSafeInteger(time) && time >= 0))
      }),
    )
  })

  it('is within its bounds, both ends included', () => {
    const bounds = { pastMs: 100, futureMs: 10 }
    const found = [-101, -100, 0, 10, 11].map((away) => isWithin(EIGHT + away, EIGHT, bounds))
    assert.deepEqual(found, [false, true, true, true, false])
  })
})

describe('the user property time', () => {
  const said = (...values: string[]) => ({
    userProperties: [['b', '1'] as const, ...values.map((value) => ['time', value] as const)],
  })

  it('is the first of its name', () => {
    assert.equal(timeIn(said('2026-11-24T08:00:00Z', '0')), EIGHT)
    assert.equal(timeIn(said('noon', '0')), null)
    assert.equal(timeIn(said()), null)
    assert.equal(timeIn(null), null)
  })

  it('is added for a time that differs from the arrival, and only once', () => {
    const own = (properties: ReturnType<typeof said> | null) =>
      timedProperties({ time: EIGHT, received: EIGHT + 1, properties })
    const text = '2026-11-24T08:00:00.000Z'
    assert.deepEqual(own(null), { userProperties: [['time', text]] })
    assert.deepEqual(own(said('7'))?.userProperties, [
      ['time', text],
      ['b', '1'],
      ['time', '7'],
    ])
    const same = said('1795507200')
    assert.equal(own(same), same)
    const arrival = said()
    assert.equal(timedProperties({ time: 5, received: 5, properties: arrival }), arrival)
  })
})
