import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Answer, curl, http1, http2, http2Session } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawHttp } from '../support/raw.ts'
import { suitePublishing } from '../support/suite-gateway.ts'

const KiB = 1024
const TRACE_ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

describe('POST /topics/{topic}', async () => {
  const { at, writer, messages } = await suitePublishing({
    acl: [
      'user writer',
      'topic readwrite #',
      'topic deny secret/#',
      'user reader',
      'topic read #',
    ].join('\n'),
  })

  function post(
    path: string,
    body: string | Buffer = '1',
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    return http1(at, writer, { path, method: 'POST', body, headers })
  }

  async function refusal(path: string, body?: string | Buffer) {
    const { status, json } = await post(path, body)
    return [status, json.code]
  }

  it('answers 200, OK and the trace id', async () => {
    const { status, headers, json } = await post('/topics/a/b', '21.5')
    assert.equal(status, 200)
    const traceId = String(headers['x-request-id'])
    assert.match(traceId, TRACE_ID)
    assert.deepEqual(json, { message: 'OK', traceId })
    const { topic, payload, qos, retain } = await messages.next()
    assert.deepEqual(
      { topic, payload, qos, retain },
      {
        topic: 'a/b',
        payload: '21.5',
        qos: 0,
        retain: false,
      },
    )
  })

  it('accepts the request of an AWS IoT publisher', async () => {
    const query = 'qos=1&contentType=text%2Fplain&messageExpiry=60&responseTopic=answers'
    const { status, json } = await post(`/topics/aws/iot?${query}`, '{"t":1}')
    assert.deepEqual([status, json.message, Object.keys(json)], [200, 'OK', ['message', 'traceId']])
    const { topic, payload, qos } = await messages.next()
    assert.deepEqual({ topic, payload, qos }, { topic: 'aws/iot', payload: '{"t":1}', qos: 1 })
  })

  it('accepts raw and escaped slashes, and decodes a topic exactly once', async () => {
    const topics = {
      'a/b': 'a/b',
      'a%2Fb': 'a/b',
      'a%2fb': 'a/b',
      'a%252Fb': 'a%2Fb',
      'a%25zz': 'a%zz',
      'a%20b': 'a b',
      'gr%C3%BCn/%F0%9F%8C%A1': 'grün/🌡',
      '/a': '/a',
      'a/': 'a/',
      'a//b': 'a//b',
      '/': '/',
      '../whoami': '../whoami',
      '%2e%2e/whoami': '../whoami',
      'a;b=c': 'a;b=c',
      'a&b=c': 'a&b=c',
      'a%3Fqos=2': 'a?qos=2',
      a$b: 'a$b',
      "a:b@c!'()*,~": "a:b@c!'()*,~",
      __proto__: '__proto__',
    }
    for (const [path, topic] of Object.entries(topics)) {
      const { status, text } = await post(`/topics/${path}`)
      assert.equal(status, 200, `${path}: ${text}`)
      assert.equal((await messages.next()).topic, topic)
    }
  })

  it('refuses an invalid topic', async () => {
    for (const path of [
      ...['', '?qos=1', '+', 'a/+/b', 'a+b', '%2B', 'a%2b', '%23', 'a/%23', '$SYS/x', '%24SYS'],
      ...['%00', 'a%00b', '%0a', 'a%0D%0Ab', '%1f', '%7F', '%C2%80', '%C2%9F', '%EF%BF%BF'],
      ...['%', '%2', '%zz', 'a%u0041', '%FF', '%C3', '%C0%AF', '%E0%80%AF', '%ED%A0%80', '%F5%80'],
    ])
      assert.deepEqual(await refusal(`/topics/${path}`), [400, 'topic_invalid'], path)
  })

  it('accepts a topic of 65,535 bytes, escaped or not, and no longer one', async () => {
    const longest = `${'é'.repeat(32_767)}x`
    assert.equal((await post(`/topics/${encodeURIComponent(longest)}`)).status, 200)
    assert.equal((await messages.next()).topic, longest)
    assert.equal((await post(`/topics/${'a'.repeat(65_535)}`)).status, 200)
    assert.equal((await messages.next()).topic.length, 65_535)
    const tooLong = ['a'.repeat(65_536), encodeURIComponent(`${longest}x`)]
    for (const topic of tooLong)
      assert.deepEqual(await refusal(`/topics/${topic}`), [400, 'topic_invalid'])
  })

  it('accepts 100 levels, and no more', async () => {
    const deepest = Array(100).fill('l').join('/')
    assert.equal((await post(`/topics/${deepest}`)).status, 200)
    assert.equal((await messages.next()).topic, deepest)
    assert.deepEqual(await refusal(`/topics/${deepest}/l`), [400, 'topic_invalid'])
    assert.deepEqual(await refusal(`/topics/${'%2F'.repeat(100)}`), [400, 'topic_invalid'])
  })

  it('accepts any content type, and none, over HTTP/1.1 and HTTP/2', async () => {
    const body = '{"not":"parsed"'
    const session = http2Session(at, writer)
    for (const type of [
      'application/x-www-form-urlencoded',
      'application/json',
      'multipart/form-data; boundary=x',
      'text/plain; charset=utf-16',
      'garbage;;;',
      '/',
      '',
      undefined,
    ]) {
      const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
      assert.equal((await post('/topics/a', body, headers)).status, 200, String(type))
      assert.equal((await messages.next()).payload, body)
      const answer = await http2(
        session,
        { ':method': 'POST', ':path': '/topics/b', ...headers },
        body,
      )
      assert.equal(answer.status, 200, String(type))
      assert.equal((await messages.next()).payload, body)
    }
    session.close()
  })

  it('accepts the form content type that curl sends by default', async () => {
    const url = `https://localhost:${at.ports.device}/topics/a`
    for (const version of ['--http1.1', '--http2']) {
      const { stdout } = await curl(writer, writer.caFile, version, '-d', '21.5', url)
      assert.equal(JSON.parse(stdout).message, 'OK')
      assert.equal((await messages.next()).payload, '21.5')
    }
  })

  it('accepts a chunked body', async () => {
    assert.equal((await post('/topics/a', 'abc', { 'transfer-encoding': 'chunked' })).status, 200)
    assert.equal((await messages.next()).payload, 'abc')
  })

  it('publishes an empty payload without a body', async () => {
    const [answer] = await rawHttp(
      at,
      writer,
      'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    )
    assert.equal(answer?.status, 200)
    assert.equal((await messages.next()).payload, '')
    const session = http2Session(at, writer)
    const { status } = await http2(session, { ':method': 'POST', ':path': '/topics/b' })
    assert.equal(status, 200)
    assert.equal((await messages.next()).payload, '')
    session.close()
  })

  it('accepts a payload of 128 KiB, and no larger one, chunked or not', async () => {
    const session = http2Session(at, writer)
    const chunked = { 'transfer-encoding': 'chunked' }
    const overHttp2 = { ':method': 'POST', ':path': '/topics/a' }
    const [fits, tooLarge] = [Buffer.alloc(128 * KiB, 'x'), Buffer.alloc(128 * KiB + 1, 'x')]
    for (const headers of [{}, chunked]) {
      assert.equal((await post('/topics/a', fits, headers)).status, 200)
      assert.equal((await messages.next()).payload.length, 128 * KiB)
      const { status, json } = await post('/topics/a', tooLarge, headers)
      assert.deepEqual([status, json.code], [413, 'payload_too_large'])
    }
    assert.equal((await http2(session, overHttp2, fits)).status, 200)
    assert.equal((await messages.next()).payload.length, 128 * KiB)
    assert.equal((await http2(session, overHttp2, tooLarge)).json.code, 'payload_too_large')
    assert.equal((await http2(session, overHttp2, 'and on it goes')).status, 200)
    assert.equal((await messages.next()).payload, 'and on it goes')
    session.close()
  })

  it('publishes with QoS 1', async () => {
    assert.equal((await post('/topics/a?qos=1')).status, 200)
    assert.equal((await messages.next()).qos, 1)
    assert.equal((await post('/topics/a?qos=0')).status, 200)
    assert.equal((await messages.next()).qos, 0)
  })

  it('retains with retain=true, and an empty body clears the retained message', async () => {
    await post('/topics/kept?retain=true', 'first')
    await post('/topics/kept?retain=false', 'second')
    assert.equal((await http1(at, writer, { path: '/topics/kept' })).text, 'first')
    await post('/topics/kept?retain=true', '')
    assert.equal((await http1(at, writer, { path: '/topics/kept' })).json.code, 'not_retained')
    for (const payload of ['first', 'second', ''])
      assert.equal((await messages.next()).payload, payload)
  })

  it('refuses an invalid query', async () => {
    for (const query of [
      ...['qos=2', 'qos=-1', 'qos=01', 'qos=', 'qos', 'qos=1%20', 'retain=1', 'retain=TRUE'],
      ...[
        'retain=',
        'Qos=1',
        'QOS=1',
        'r%C3%ABtain=true',
        'x',
        '=',
        'qos=0&qos=0',
        'qos=1;retain=true',
      ],
      ...['qos=1&qos=1', 'retain=true&retain=false', 'qos=%zz', '%=1', '__proto__=1', '%00=1'],
    ])
      assert.deepEqual(await refusal(`/topics/a?${query}`), [400, 'query_invalid'], query)
  })

  it('accepts an escaped query, and an empty one', async () => {
    for (const query of ['', '&', '%71os=%31', 'qos=1&']) {
      assert.equal((await post(`/topics/a?${query}`)).status, 200, query)
      assert.equal((await messages.next()).qos, query.includes('1') ? 1 : 0, query)
    }
  })

  it('accepts the parameter names of AWS IoT', async () => {
    const query =
      'qos=1&retain=false&contentType=text%2Fplain&messageExpiry=60&responseTopic=re%2Fply'
    assert.equal((await post(`/topics/a?${query}`, '7')).status, 200)
    assert.equal((await messages.next()).payload, '7')
  })

  it('refuses a topic that no rule allows, in any spelling', async () => {
    for (const topic of ['secret', 'secret/x', 'secret%2Fx', '%73ecret/x']) {
      const { status, json } = await post(`/topics/${topic}`)
      assert.deepEqual([status, json.code], [403, 'publish_denied'], topic)
      assert.match(json.detail, /writer/)
    }
  })

  it('answers every error in the same format', async () => {
    const answers = [
      await post('/topics/+'),
      await post('/topics/a?qos=2'),
      await post('/topics/secret'),
      await post('/topics/a', Buffer.alloc(128 * KiB + 1)),
      await post('/nowhere'),
      await http1(at, writer, { path: '/topics/a', method: 'PUT' }),
      await http1(at, writer, { path: '/topics/never' }),
    ]
    for (const { status, headers, json } of answers) {
      assert.match(String(headers['content-type']), /^application\/problem\+json\b/)
      assert.equal(headers['cache-control'], 'no-store')
      assert.deepEqual(Object.keys(json), [
        ...['type', 'title', 'status', 'detail', 'code', 'message', 'traceId'],
      ])
      assert.equal(json.status, status)
      assert.equal(json.type, `urn:wott-gateway:problem:${json.code}`)
      assert.equal(json.title.toLowerCase().replaceAll(' ', '_'), json.code)
      assert.equal(json.message, json.detail)
      assert.equal(json.traceId, headers['x-request-id'])
      assert.equal(json.traceId, headers['x-amzn-requestid'])
      assert.match(json.traceId, TRACE_ID)
    }
    assert.deepEqual(
      answers.map(({ headers }) => headers['x-amzn-errortype']),
      [
        ...['InvalidRequestException', 'InvalidRequestException', 'ForbiddenException'],
        ...['RequestEntityTooLargeException', 'ResourceNotFoundException'],
        ...['MethodNotAllowedException', 'ResourceNotFoundException'],
      ],
    )
    assert.equal(new Set(answers.map(({ json }) => json.traceId)).size, answers.length)
    assert.deepEqual(
      answers.slice(4).map(({ status, json }) => [status, json.code]),
      [
        [404, 'not_found'],
        [405, 'method_not_allowed'],
        [404, 'not_retained'],
      ],
    )
  })

  it('makes its own trace id, whatever id the client sends', async () => {
    const { headers } = await post('/topics/a', '1', {
      'x-request-id': 'mine',
      'request-id': 'mine',
    })
    assert.match(String(headers['x-request-id']), TRACE_ID)
    await messages.next()
  })
})

describe('POST /topics/{topic} is counted', () => {
  it('by its result', async () => {
    await using at = await startGateway({
      acl: 'pattern write a\n',
      settings: { publishRate: '1', publishBurst: '5', maxPayload: '10' },
    })
    const post = (who: Credentials, path: string, body = '1') =>
      http1(at, who, { path, method: 'POST', body })
    const writer = await at.pki.issue('writer')
    await post(writer, '/topics/a')
    await post(writer, '/topics/a?qos=1')
    await post(writer, '/topics/b')
    await post(writer, '/topics/a?qos=2')
    await post(writer, '/topics/%zz')
    await post(writer, '/topics/+')
    await post(writer, '/topics/a', '12345678901')
    const hasty = await at.pki.issue('hasty')
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(hasty, '/topics/a')))
    const limited = answers.filter(({ status }) => status === 429)
    assert.notEqual(limited.length, 0)
    for (const { headers, json } of limited) {
      assert.equal(json.code, 'rate_limited')
      assert.equal(headers['retry-after'], '1')
    }
    const counted = (qos: number, result: string) =>
      at.metric(`wott_publishes_total{door="device",qos="${qos}",result="${result}"}`)
    assert.equal(await counted(0, 'accepted'), 1 + 20 - limited.length)
    assert.equal(await counted(1, 'accepted'), 1)
    assert.equal(await counted(0, 'denied'), 1)
    assert.equal(await counted(0, 'invalid'), 3)
    assert.equal(await counted(0, 'too_large'), 1)
    assert.equal(await counted(0, 'rate_limited'), limited.length)
    assert.equal(await counted(0, 'failed'), 0)
  })
})

describe('the rate limit', () => {
  it('applies to each device separately', async () => {
    await using at = await startGateway({
      acl: 'pattern write #\n',
      settings: { publishRate: '1', publishBurst: '1' },
    })
    const [one, other] = [await at.pki.issue('one'), await at.pki.issue('other')]
    const post = (who: Credentials) =>
      http1(at, who, { path: '/topics/a', method: 'POST', body: '1' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(one)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 429]))
    assert.equal((await post(other)).status, 200)
  })
})
