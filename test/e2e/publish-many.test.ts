import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Answer, http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { suitePublishing } from '../support/suite-gateway.ts'

const MiB = 1024 * 1024
const NDJSON = 'application/x-ndjson'
const STATUS: Record<string, number> = {
  body_invalid: 400,
  topic_invalid: 400,
  readings_refused: 400,
  publish_denied: 403,
}

describe('POST /topics', async () => {
  const { at, writer, messages } = await suitePublishing({
    acl: 'user writer\ntopic readwrite ok/#\nuser reader\ntopic read #\n',
    settings: { publishBurst: '100000' },
  })

  function post(body: string | Buffer, contentType = NDJSON): Promise<Answer> {
    const headers = { 'content-type': contentType }
    return http1(at, writer, { path: '/topics', method: 'POST', body, headers })
  }

  /** The result of each line: its payload as it was delivered, or its error code. */
  async function fates(...lines: string[]): Promise<string[]> {
    const { status, json } = await post(lines.join('\n'))
    const refused = new Map<number, string>()
    for (const { line, code, detail } of json.refused) {
      assert.equal(typeof detail, 'string')
      refused.set(line, code)
    }
    assert.equal(json.accepted, lines.length - refused.size)
    if (json.accepted > 0) assert.equal(status, refused.size > 0 ? 207 : 200)
    else assert.equal(status, STATUS[json.code])
    const found: string[] = []
    for (const line of lines.keys())
      found.push(refused.get(line + 1) ?? (await messages.next()).payload)
    return found
  }

  it('publishes every line with its own QoS and retain', async () => {
    const { status, json } = await post(
      [
        '{"topic":"ok/a","payload":"1"}',
        '{"topic":"ok/b","payload":"2","qos":1}',
        '{"topic":"ok/c","payload":"3","qos":0,"retain":true}',
        '{"topic":"ok/d","payloadBase64":"4pyT","qos":1,"retain":false}',
      ].join('\n'),
    )
    assert.equal(status, 200)
    assert.deepEqual(json, { accepted: 4, refused: [] })
    const arrived = []
    for (let count = 0; count < 4; count++) {
      const { topic, payload, qos } = await messages.next()
      arrived.push([topic, payload, qos])
    }
    assert.deepEqual(arrived.sort(), [
      ['ok/a', '1', 0],
      ['ok/b', '2', 1],
      ['ok/c', '3', 0],
      ['ok/d', '✓', 1],
    ])
    assert.equal((await http1(at, writer, { path: '/topics/ok/c' })).text, '3')
    assert.equal((await http1(at, writer, { path: '/topics/ok/d' })).status, 404)
  })

  it('reports a bad line by its number, and publishes the others', async () => {
    const { json } = await post(
      [
        '{"topic":"ok/a","payload":"before"}',
        'not json',
        '{"topic":"forbidden","payload":"x"}',
        '{"topic":"ok/+","payload":"x"}',
        '',
        `{"topic":"ok/a","payload":"${'x'.repeat(128 * 1024 + 1)}"}`,
        '{"topic":"ok/a","payload":"after"}',
      ].join('\n'),
    )
    assert.equal(json.accepted, 2)
    assert.deepEqual(
      json.refused.map(({ line, code }: { line: number; code: string }) => [line, code]),
      [
        [2, 'body_invalid'],
        [3, 'publish_denied'],
        [4, 'topic_invalid'],
        [6, 'payload_too_large'],
      ],
    )
    assert.match(json.refused[1].detail, /writer/)
    assert.equal((await messages.next()).payload, 'before')
    assert.equal((await messages.next()).payload, 'after')
  })

  it('refuses an invalid line with a reason', async () => {
    const lines = [
      ...['null', '1', '"ok/a"', '[]', '{}', '{"topic":"ok/a"}', '{"payload":"x"}', '{"topic"'],
      ...['{"topic":1,"payload":"x"}', '{"topic":null,"payload":"x"}', '{"topic":["ok/a"]}'],
      '{"topic":"ok/a","payload":"x","qos":2}',
      '{"topic":"ok/a","payload":"x","qos":"1"}',
      '{"topic":"ok/a","payload":"x","qos":null}',
      '{"topic":"ok/a","payload":"x","retain":"true"}',
      '{"topic":"ok/a","payload":"x","retain":1}',
      '{"topic":"ok/a","payload":"x","payloadBase64":"eA=="}',
      `{"topic":"ok/a","payload":1,"payloadBase64":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      '{"topic":"ok/a","payloadBase64":"eA="}',
      '{"topic":"ok/a","payloadBase64":"e A=="}',
      '{"topic":"ok/a","payloadBase64":"-_-_"}',
      '{"topic":"ok/a","payloadBase64":1}',
      '{"topic":"ok/a","payload":"x","qosx":1}',
      '{"topic":"ok/a","payload":"x","__proto__":{"qos":1}}',
      '{"topic":"ok/a","payload":"x","constructor":{}}',
      '{"topic":"ok/a","payload":"\\ud800"}',
      '{"topic":"ok/a","payload":"a\tb"}',
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
    ]
    assert.deepEqual(
      await fates(...lines),
      lines.map(() => 'body_invalid'),
    )
  })

  it('ignores inherited members of objects', async () => {
    const [fate] = await fates('{"__proto__":{"topic":"ok/a","payload":"x"}}')
    assert.equal(fate, 'body_invalid')
  })

  it('refuses a topic that is invalid, or not valid Unicode', async () => {
    const topics = ['\\ud800', '', '$SYS/x', 'a/#', '\\u0000', 'a\\u000ab', 'a/'.repeat(100)]
    assert.deepEqual(
      await fates(...topics.map((topic) => `{"topic":"${topic}","payload":"x"}`)),
      topics.map(() => 'topic_invalid'),
    )
  })

  it('uses a topic unchanged, without decoding it', async () => {
    await post('{"topic":"ok/%2Fa","payload":""}')
    assert.equal((await messages.next()).topic, 'ok/%2Fa')
  })

  it('always uses the last value of a repeated member', async () => {
    const [fate] = await fates('{"topic":"ok/a","topic":"forbidden","payload":"x"}')
    assert.equal(fate, 'publish_denied')
  })

  it('publishes a number as it is written', async () => {
    const numbers = ['21.5', '21.50', '-0', '1e400', '12345678901234567890', '0.1000']
    assert.deepEqual(
      await fates(...numbers.map((number) => `{"topic":"ok/a","payload":${number}}`)),
      numbers,
    )
  })

  it('publishes any other JSON value as it is written', async () => {
    const values = [
      ...['null', 'true', 'false', '{}', '[]', '{"t":21.50,"n":12345678901234567890}'],
      ...['[1, 1.10, "a\\u00e4\\"}]"]', '{ "payload" : {"payload":[1.0]} }'],
    ]
    assert.deepEqual(
      await fates(...values.map((value) => `{"topic":"ok/a","payload": ${value} ,"qos":0}`)),
      values,
    )
    const twice = '{"p\\u0061yload":{"t":1.0},"topic":"ok/a","payload":{"t":2.0}}'
    assert.deepEqual(await fates(twice), ['{"t":2.0}'])
  })

  it('answers with the common error when all lines were refused', async () => {
    const denied = '{"topic":"forbidden","payload":"x"}'
    const large = `{"topic":"ok/a","payload":"${'x'.repeat(128 * 1024 + 1)}"}`
    const cases: [string[], number, string][] = [
      [[denied, denied], 403, 'publish_denied'],
      [['no json'], 400, 'body_invalid'],
      [[large, large], 413, 'payload_too_large'],
      [[denied, 'no json'], 400, 'readings_refused'],
    ]
    for (const [lines, status, code] of cases) {
      const answer = await post(lines.join('\n'))
      assert.deepEqual([answer.status, answer.json.code], [status, code])
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
      assert.equal(answer.json.accepted, 0)
      assert.deepEqual(
        answer.json.refused.map(({ line }: { line: number }) => line),
        lines.map((_, index) => index + 1),
      )
    }
  })

  it('accepts every byte in base64, and an empty payload', async () => {
    const subscriber = await mqtt(at, await at.pki.issue('reader'))
    const arrived = new Promise<Buffer>((resolve) =>
      subscriber.on('message', (_topic, payload) => resolve(payload)),
    )
    await subscriber.subscribeAsync('ok/bytes')
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    await fates(`{"topic":"ok/bytes","payloadBase64":"${bytes.toString('base64')}"}`)
    assert.deepEqual(await arrived, bytes)
    await subscriber.endAsync()
    assert.deepEqual(await fates('{"topic":"ok/a","payloadBase64":""}'), [''])
  })

  it('accepts blank lines, CRLF, and a last line with or without a line end', async () => {
    const { json } = await post(
      '\r\n{"topic":"ok/a","payload":"1"}\r\n\r\n  \n{"topic":"ok/a","payload":"2"}\r\nx\r\n',
    )
    assert.equal(json.accepted, 2)
    assert.deepEqual(
      json.refused.map(({ line }: { line: number }) => line),
      [6],
    )
    assert.equal((await messages.next()).payload, '1')
    assert.equal((await messages.next()).payload, '2')
  })

  it('accepts an empty body', async () => {
    for (const body of ['', '\n', ' \r\n\r\n'])
      assert.deepEqual((await post(body)).json, { accepted: 0, refused: [] })
  })

  it('keeps the order of 1,000 lines, and accepts no more', async () => {
    for (const qos of [0, 1]) {
      const lines = Array.from(
        { length: 1000 },
        (_, index) => `{"topic":"ok/a","payload":"${index}","qos":${qos}}`,
      )
      assert.deepEqual(await fates(...lines), [...Array(1000).keys()].map(String))
    }
    const { status, json } = await post('{"topic":"ok/a","payload":"1"}\n\n'.repeat(1001))
    assert.deepEqual([status, json.code], [413, 'payload_too_large'])
    await fates('{"topic":"ok/a","payload":"the next to arrive"}')
  })

  it('accepts 1 MiB, and no more', async () => {
    const line = '{"topic":"ok/a","payload":"1"}'
    assert.equal((await post(line.padEnd(MiB, ' '))).json.accepted, 1)
    assert.equal((await messages.next()).payload, '1')
    const { status, json } = await post(line.padEnd(MiB + 1, ' '))
    assert.deepEqual([status, json.code], [413, 'payload_too_large'])
    assert.match(json.detail, /1048576 bytes/)
  })

  it('refuses a body that is not UTF-8', async () => {
    const { status, json } = await post(Buffer.from('{"topic":"ok/a","payload":"\xff"}', 'latin1'))
    assert.deepEqual([status, json.code], [400, 'body_invalid'])
  })

  it('requires the content type of NDJSON', async () => {
    for (const type of ['application/json', 'text/plain', `${NDJSON}x`, '']) {
      const { status, json } = await post('{"topic":"ok/a","payload":"x"}', type)
      assert.deepEqual([status, json.code], [415, 'unsupported_media_type'], type)
    }
    for (const type of [`${NDJSON}; charset=utf-8`, NDJSON.toUpperCase()])
      assert.equal((await post('{"topic":"ok/a","payload":"x"}', type)).status, 200, type)
    await messages.next()
    await messages.next()
  })

  it('accepts a body over HTTP/2 without a length', async () => {
    const session = http2Session(at, writer)
    const { json } = await http2(
      session,
      { ':method': 'POST', ':path': '/topics', 'content-type': NDJSON },
      '{"topic":"ok/a","payload":"x"}',
    )
    assert.deepEqual(json, { accepted: 1, refused: [] })
    assert.equal((await messages.next()).payload, 'x')
    session.close()
  })
})

it('POST /topics is counted, and limited in rate, by its lines', async () => {
  await using at = await startGateway({
    acl: 'user writer\ntopic write ok\n',
    settings: { publishRate: '1', publishBurst: '5', maxPayload: '2' },
  })
  const writer = await at.pki.issue('writer')
  const lines = [
    'no json',
    '{"topic":"ok","payload":"123"}',
    '{"topic":"ok","payload":"1"}',
    '{"topic":"no","payload":"1"}',
    '{"topic":"ok","payload":"1","qos":1}',
    '{"topic":"ok","payload":"2"}',
    'not tried',
    '{"topic":"ok","payload":"2"}',
  ]
  const send = (from: number) =>
    http1(at, writer, {
      path: '/topics',
      method: 'POST',
      body: lines.slice(from).join('\n'),
      headers: { 'content-type': NDJSON },
    })
  const { status, json, headers } = await send(0)
  // it stops at the line that exceeds the rate: earlier lines are reported, later ones not tried
  assert.deepEqual([status, json.code, json.accepted, json.next], [429, 'rate_limited', 2, 6])
  assert.ok(Number(headers['retry-after']) >= 1)
  assert.equal(json.refused.length, 3)
  const counted = (qos: number, result: string) =>
    at.metric(`wott_publishes_total{door="device",qos="${qos}",result="${result}"}`)
  assert.equal(await counted(0, 'invalid'), 1)
  assert.equal(await counted(0, 'too_large'), 1)
  assert.equal(await counted(0, 'denied'), 1)
  assert.equal(await counted(0, 'accepted'), 1)
  assert.equal(await counted(1, 'accepted'), 1)
  assert.equal(await counted(0, 'rate_limited'), 1)
  assert.equal(await at.metric('wott_publish_duration_seconds_count{door="device"}'), 1)
})
