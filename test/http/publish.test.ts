import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pino } from 'pino'
import { createNoCommands } from '../../src/commands/commands.ts'
import { GatewayError } from '../../src/errors.ts'
import { publishRoute } from '../../src/http/publish.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import type { Reading, Relay } from '../../src/relay/relay.ts'
import { appFor } from '../support/http-app.ts'
import { openKeys } from '../support/keys.ts'

function open(publish: Relay['publish'], named = true) {
  const logged: string[] = []
  const counted: string[] = []
  const caller = { id: 'device', door: 'device', rules: 'topic write #\n' } as const
  const log = pino({}, { write: (line: string) => logged.push(line) })
  const app = appFor(named ? caller : null, log)
  publishRoute(app, {
    relay: { publish },
    keys: openKeys(),
    commands: createNoCommands('off'),
    maxPayloadBytes: 10,
    onTooLarge() {},
    meter: { ...silentMeter, published: (_door, _qos, result) => counted.push(result) },
  })
  const post = async (
    url: string,
    payload: string | Buffer = '1',
    headers: Record<string, string> = {},
  ) => {
    const answer = await app.inject({ method: 'POST', url, payload, headers })
    return { ...answer, body: answer.body, status: answer.statusCode, json: answer.json() }
  }
  return { logged, counted, post }
}

it('an internal error is logged, and sent to the device only as a trace id', async () => {
  const { post, logged, counted } = open(async () => {
    throw new Error('hunter2 in the database')
  })
  const { status, json, body } = await post('/topics/a')
  assert.deepEqual([status, json.code], [500, 'internal_error'])
  assert.doesNotMatch(body, /hunter2|\.ts:/)
  assert.equal(logged.length, 1)
  const line = JSON.parse(String(logged[0]))
  assert.equal(line.traceId, json.traceId)
  assert.equal(line.err.message, 'hunter2 in the database')
  // the relay has counted its failure
  assert.deepEqual(counted, [])
})

it('a request with a key in use is refused, and has the same answer afterwards', async () => {
  const under = Promise.withResolvers<null>()
  const { post } = open(() => under.promise)
  const send = () => post('/topics/a', '1', { 'idempotency-key': '"k"' })
  const first = send()
  let second = await send()
  assert.deepEqual([second.status, second.json.code], [409, 'idempotency_key_in_use'])
  assert.equal(second.headers['retry-after'], '1')
  under.resolve(null)
  assert.equal((await first).status, 200)
  second = await send()
  assert.deepEqual([second.status, second.headers['idempotency-replayed']], [200, 'true'])
})

it('a request that the broker refused may be sent again with its key', async () => {
  const outcomes = [
    new GatewayError('broker_unavailable', 'It is closed.', { retryAfter: 1 }),
    null,
  ]
  const { post } = open(async () => outcomes.shift() ?? null)
  const send = () => post('/topics/a', '1', { 'idempotency-key': 'k' })
  assert.equal((await send()).status, 503)
  const again = await send()
  assert.deepEqual([again.status, again.headers['idempotency-replayed']], [200, undefined])
})

it('a broker that is away is 503 with Retry-After', async () => {
  const gone = new GatewayError('broker_unavailable', 'The broker is closed.', { retryAfter: 1 })
  const { post } = open(async () => gone)
  const { status, headers, json } = await post('/topics/a')
  assert.deepEqual([status, json.code, headers['retry-after']], [503, 'broker_unavailable', '1'])
})

it('a refusal before the relay is counted here', async () => {
  const { post, counted } = open(() => assert.fail())
  await post('/topics/%zz')
  await post('/topics/a?qos=2')
  await post('/topics/a', '12345678901')
  assert.deepEqual(counted, ['invalid', 'invalid', 'too_large'])
})

const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('the MQTT 5 properties of AWS IoT publishers', () => {
  async function published(query: string, headers: Record<string, string> = {}) {
    const readings: Reading[] = []
    const { post } = open(async (_caller, reading) => {
      readings.push(reading)
      return null
    })
    const { status, body } = await post(`/topics/a?${query}`, '21.5', headers)
    assert.equal(status, 200, body)
    const [{ properties, messageExpiry } = assert.fail()] = readings
    return { properties, messageExpiry }
  }

  it('are read from the query and from headers', async () => {
    const query = 'contentType=text%2Fplain%3B%20x%3D1&messageExpiry=60&responseTopic=a%2Fb'
    const headers = {
      'x-amz-mqtt5-payload-format-indicator': 'UTF8_DATA',
      'X-Amz-Mqtt5-Correlation-Data': 'AP8=',
      'x-amz-mqtt5-user-properties': base64('[{"b":"1"},{"a":"2"},{"b":"ü"},{"":""}]'),
    }
    assert.deepEqual(await published(query, headers), {
      messageExpiry: 60,
      properties: {
        contentType: 'text/plain; x=1',
        responseTopic: 'a/b',
        payloadFormatIndicator: 1,
        correlationData: Buffer.from([0, 255]),
        userProperties: [
          ...[
            ['b', '1'],
            ['a', '2'],
            ['b', 'ü'],
            ['', ''],
          ],
        ],
      },
    })
  })

  it('are absent by default', async () => {
    assert.deepEqual(await published(''), { properties: null, messageExpiry: null })
    // curl's default content type does not describe the payload
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.deepEqual(await published('qos=1', form), { properties: null, messageExpiry: null })
  })

  it('can each be set alone, and user property names may be names of JavaScript properties', async () => {
    const expires = { properties: null, messageExpiry: 4_294_967_295 }
    assert.deepEqual(await published('messageExpiry=4294967295'), expires)
    const bytes = { 'x-amz-mqtt5-payload-format-indicator': 'UNSPECIFIED_BYTES' }
    assert.deepEqual((await published('', bytes)).properties, { payloadFormatIndicator: 0 })
    const names = { 'x-amz-mqtt5-user-properties': base64('[{"__proto__":"1"},{"7":"2"}]') }
    assert.deepEqual((await published('', names)).properties?.userProperties, [
      ['__proto__', '1'],
      ['7', '2'],
    ])
  })

  async function refuses(query: string, headers: Record<string, string>, detail: RegExp) {
    const { post, counted } = open(() => assert.fail())
    const { status, json } = await post(`/topics/a?${query}`, '1', headers)
    assert.match(json.detail, detail)
    assert.deepEqual(counted, ['invalid'])
    assert.equal(status, 400)
    return json.code
  }

  const EXPIRIES = ['0', '-1', '1.5', '1e3', '', '%2060', '4294967296', '99999999999', '0x10']
  const inQuery: [queries: string[], detail: RegExp][] = [
    [
      EXPIRIES.map((expiry) => `messageExpiry=${expiry}`),
      /^messageExpiry must be a whole number from 1 to 4294967295, not "/,
    ],
    [['contentType=a%00'], /^contentType must not contain U\+0000\.$/],
    [['contentType=a&contentType=a'], /"contentType" more than once/],
    [['responseTopic=a%2F%2B', 'responseTopic=%23'], /^responseTopic must not contain a wildcard/],
    [['responseTopic='], /^responseTopic must not be empty/],
  ]
  for (const [queries, detail] of inQuery)
    for (const query of queries)
      it(`are refused: ${query}`, async () => {
        assert.equal(await refuses(query, {}, detail), 'query_invalid')
      })

  const PAIRS = /user-properties must be base64 of a JSON list of objects with one name each, such/
  const NAMES = /user-properties must have names and values that are strings of valid Unicode/
  const inHeaders: [name: string, values: string[], detail: RegExp][] = [
    [
      'payload-format-indicator',
      ['utf8_data', '1', '', 'UTF8_DATA, UTF8_DATA'],
      /x-amz-mqtt5-payload-format-indicator must be UNSPECIFIED_BYTES or UTF8_DATA\.$/,
    ],
    [
      'correlation-data',
      ['AP8', '%%', 'AP8=, AP8=', 'A P8='],
      /^The header x-amz-mqtt5-correlation-data must be base64\.$/,
    ],
    ['user-properties', ['[{"a":"1"}]', '', '/w=='], PAIRS],
    ['user-properties', ['{"a":"1"}', '[{"a":"1","b":"2"}]', '[{}]'].map(base64), PAIRS],
    ['user-properties', ['[["a","1"]]', '["a"]', '[null]', '['].map(base64), PAIRS],
    ['user-properties', ['[{"a":1}]', '[{"a":null}]', '[{"a":"\\u0000"}]'].map(base64), NAMES],
    ['user-properties', [base64('[{"\\ud800":""}]')], NAMES],
    ['user-properties', [base64(many(101))], /must be at most 100, not 101\.$/],
    [
      'user-property',
      ['e30='],
      /^Unknown header x-amz-mqtt5-user-property; the known headers are x-amz/,
    ],
  ]
  for (const [name, values, detail] of inHeaders)
    for (const value of values)
      it(`are refused: ${name} ${value.slice(0, 60)}`, async () => {
        const headers = { [`x-amz-mqtt5-${name}`]: value }
        assert.equal(await refuses('', headers, detail), 'request_invalid')
      })

  it('are bounded together', async () => {
    const headers = { 'x-amz-mqtt5-correlation-data': base64('x'.repeat(6000)) }
    const detail = /^The MQTT properties have 66000 bytes in total; at most 65535 are allowed\.$/
    const query = `contentType=${'x'.repeat(60_000)}`
    assert.equal(await refuses(query, headers, detail), 'request_invalid')
  })
})

function many(count: number): string {
  return JSON.stringify(Array(count).fill({ a: '' }))
}

it('a request without a caller is not published', async () => {
  const { post } = open(() => assert.fail(), false)
  assert.equal((await post('/topics/a')).json.code, 'internal_error')
})
