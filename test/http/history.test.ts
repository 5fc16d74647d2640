import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GatewayError } from '../../src/errors.ts'
import { createHistoryWriter } from '../../src/http/history-format.ts'
import { parseHistoryQuery } from '../support/history-query.ts'
import { delivery } from '../support/message.ts'

const NOW = Date.UTC(2026, 10, 24, 8)
const parse = (query: string) => parseHistoryQuery(`/history?filter=a&${query}`, NOW)
const HOUR = 3_600_000

function refusal(query: string): string {
  try {
    parse(query)
  } catch (error) {
    if (error instanceof GatewayError) return `${error.code} ${error.message}`
    throw error
  }
  return ''
}

describe('the query of /history', () => {
  it('has defaults', () => {
    assert.deepEqual(parse(''), {
      filters: ['a'],
      from: null,
      to: null,
      newestFirst: false,
      format: 'json',
      limit: 1000,
      isLimited: false,
      isLatest: false,
      after: null,
      buckets: null,
    })
  })

  it('accepts every notation of a time', () => {
    for (const [text, time] of [
      ['2026-11-24T08:00:00Z', NOW],
      ['2026-11-24t08:00:00.25z', NOW + 250],
      ['2026-11-24T10:30:00+02:30', NOW],
      [String(NOW / 1000), NOW],
      [String(NOW / 1000 + 0.5), NOW + 500],
      [String(NOW), NOW],
      ['0', 0],
      ['now', NOW],
      ['-90s', NOW - 90_000],
      ['-30m', NOW - HOUR / 2],
      ['-6h', NOW - 6 * HOUR],
      ['-7d', NOW - 168 * HOUR],
      ['-2w', NOW - 336 * HOUR],
      ['-999999999w', NOW - 999_999_999 * 168 * HOUR],
    ] as const)
      assert.equal(parse(`from=${text}&to=9e9`.replace('9e9', '4000000000')).from, time, text)
  })

  it('accepts buckets', () => {
    assert.deepEqual(parse('every=5m&field=a.b').buckets, { every: 300_000, field: ['a', 'b'] })
    const escaped = `every=1d&field=${encodeURIComponent('a\\.b.c\\\\.d\\e')}`
    assert.deepEqual(parse(escaped).buckets?.field, ['a.b', 'c\\', 'd\\e'])
    assert.deepEqual(parse('every=1d').buckets, { every: 24 * HOUR, field: null })
    assert.equal(parse('every=1s').limit, 10_000)
  })

  it('is refused with an invalid value', () => {
    for (const query of [
      ...['from=yesterday', 'from=', 'from=-6', 'from=6h', 'from=-6y', 'from=1e9', 'from=-0x1h'],
      ...['from=2026-13-01T00:00:00Z', 'from=2026-11-24', 'from=99999999999999999', 'to=NaN'],
      ...['from=now&to=-1h', 'from=5000000000', 'from=-1h&from=-2h', 'limit=0', 'limit=100001'],
      ...['limit=-1', 'limit=1.5', 'limit=1e3', 'limit=', 'order=up', 'format=xml', 'every=0s'],
      ...['every=5', 'every=400d', 'every=-5m', 'every=999999999w', 'field=a', 'every=5m&field='],
      ...['every=5m&field=a..b', `every=5m&field=${'a'.repeat(257)}`, 'every=5m&limit=10001'],
      ...['latest=1', 'latest=true&from=-6h', 'latest=true&every=5m', 'latest=true&order=asc'],
      ...['since=-6h', '%ff=1', 'from=%zz'],
    ])
      assert.match(refusal(query), /^query_invalid ./, query)
  })

  it('never fails with another error, whatever it is', () => {
    const name = fc.constantFrom(
      'from',
      'to',
      'limit',
      'order',
      'format',
      'every',
      'field',
      'after',
      'latest',
    )
    const pair = fc.tuple(name, fc.string()).map(([key, value]) => `${key}=${value}`)
    fc.assert(fc.property(fc.array(pair), (pairs) => void refusal(pairs.join('&'))))
  })
})

const measured = (payload: Buffer, topic = 'a') =>
  delivery(7, topic, payload, { qos: 1, device: 'd', time: NOW, received: NOW })

/** Parses CSV by the grammar of RFC 4180. */
function readCsv(text: string): string[][] {
  return text
    .split(/(?<=^(?:[^"]|"[^"]*")*)\r\n/)
    .slice(0, -1)
    .map((line) =>
      line
        .split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
        .map((cell) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell)),
    )
}

/** The cell of CSV with this payload. */
function cellOf(payload: string): string {
  const [row] = readCsv(
    createHistoryWriter('csv', 'entries').entry(measured(Buffer.from(payload)), 'e-7'),
  )
  return row?.[3] ?? ''
}

describe('an answer of /history', () => {
  it('is read back unchanged from CSV', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (payload) => {
        const writer = createHistoryWriter('csv', 'entries')
        const text = writer.begin() + writer.entry(measured(Buffer.from(payload)), 'e-7')
        const [head = [], row = [], ...more] = readCsv(text)
        assert.deepEqual([head.length, row.length, more], [10, 10, []])
        const shown = Buffer.from(payload).toString()
        assert.ok([shown, `'${shown}`].includes(row[3] ?? ''), shown)
      }),
      { numRuns: 300 },
    )
  })

  it('is written quickly as CSV, whatever a device publishes', () => {
    const started = process.cpuUsage()
    const almost = `-${'1'.repeat(120_000)}x`
    assert.equal(cellOf(almost), `'${almost}`)
    assert.ok(process.cpuUsage(started).user < 1_000_000)
  })

  it('has no formulas in CSV, and unchanged numbers', () => {
    for (const number of ['-21.5', '+3', '-1e-9', '21']) assert.equal(cellOf(number), number)
    for (const text of [
      '=1+1',
      '@SUM(A1)',
      '+cmd|x',
      '-2+3',
      '\t=1',
      '\r=1',
      '-',
      '=HYPERLINK("x")',
    ])
      assert.equal(cellOf(text), `'${text}`)
    const writer = createHistoryWriter('csv', 'entries')
    const row = writer.entry(measured(Buffer.from('=1,2'), '@a'), 'e-7')
    assert.equal(row, `e-7,2026-11-24T08:00:00.000Z,'@a,"'=1,2",,d,1,false,,\r\n`)
    const late = writer.entry({ ...measured(Buffer.from('1')), time: NOW - 1 }, 'e-7')
    assert.ok(late.endsWith(`,${new Date(NOW).toISOString()}\r\n`), late)
    assert.match(writer.entry(measured(Buffer.from([0xff])), 'e-7'), /,a,,\/w==,d,/)
  })

  it('is valid JSON with none, one and several entries', () => {
    for (const count of [0, 1, 3]) {
      const writer = createHistoryWriter('json', 'entries')
      let text = writer.begin()
      for (let left = count; left > 0; left--)
        text += writer.entry(measured(Buffer.from('"')), 'e-7')
      text += writer.end({ gaps: ['expired'], truncated: 'limit', next: 'e-7' }, true)
      const { entries, truncated, next, gaps } = JSON.parse(text)
      assert.deepEqual(
        [entries.length, truncated, next, gaps[0].reason],
        [count, 'limit', 'e-7', 'expired'],
      )
    }
  })
})
