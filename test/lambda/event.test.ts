import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { UsageError } from '../../src/errors.ts'
import { parseQuery, topicInPath } from '../../src/http/query.ts'
import { readEvent } from '../../src/lambda/event.ts'
import { toResult } from '../../src/lambda/result.ts'
import { type EventName, HTTP_EVENTS, readFixture, requestEvent } from './events.ts'

/** Any text without lone surrogates, which UTF-8 cannot carry. */
const text = fc.string({ unit: 'grapheme', minLength: 1 })

describe('an event of AWS', () => {
  for (const name of HTTP_EVENTS)
    it(`is read as a request: ${name}`, () => {
      const request = readEvent(requestEvent(name))
      assert.deepEqual(
        [request.method, request.url, request.body.toString()],
        ['POST', '/topics/wott/temperature?qos=1', '21.5'],
      )
      assert.deepEqual(request.headers.get('host'), ['iot.example.com'])
      assert.equal(request.address, '203.0.113.7')
    })

  for (const name of HTTP_EVENTS)
    it(`carries every topic: ${name}`, () => {
      const carries = (topic: string) => {
        const path = `/topics/${encodeURIComponent(topic)}`
        const { url } = readEvent(requestEvent(name, { path }))
        assert.equal(topicInPath(url, '/topics/'), topic)
      }
      for (const topic of [
        'a/b',
        'a b',
        'grün/°C',
        'a%2Fb',
        '100%',
        'a#b',
        '温度',
        'a//b',
        'a/../b',
      ])
        carries(topic)
      // an HTTP API ends the path at a decoded "?"
      fc.assert(
        fc.property(
          text.filter((topic) => !topic.includes('?')),
          carries,
        ),
      )
    })

  for (const name of HTTP_EVENTS)
    it(`carries every query: ${name}`, () => {
      fc.assert(
        fc.property(text, text, (key, value) => {
          const query = `${encodeURIComponent(key)}=${encodeURIComponent(value)}`
          const { url } = readEvent(requestEvent(name, { query }))
          assert.deepEqual(parseQuery(url), new Map([[key, [value]]]))
        }),
      )
    })

  it('has every value of a name that has a list', () => {
    for (const name of ['rest', 'http-1.0', 'http-2.0', 'alb-multi-value'] as const) {
      const { url, headers } = readEvent(
        requestEvent(name, { query: 'filter=a&filter=b%2Fc', headers: { 'x-a': ['1', '2'] } }),
      )
      assert.deepEqual(parseQuery(url), new Map([['filter', ['a', 'b/c']]]), name)
      assert.equal(headers.get('x-a')?.join(','), '1,2', name)
    }
  })

  it('has a text body unchanged', () => {
    const event = { ...requestEvent('rest'), body: 'grün', isBase64Encoded: false }
    assert.equal(readEvent(event).body.toString(), 'grün')
    assert.equal(readEvent({ ...event, body: null }).body.length, 0)
  })

  it('removes only the stage and the base path from the path', () => {
    const pathOf = (name: EventName, path: string, basePath?: string, stage?: string) =>
      readEvent(requestEvent(name, { path, stage }), { basePath }).url.replace('?qos=1', '')
    assert.equal(pathOf('http-2.0', '/prod/topics/a', undefined, 'prod'), '/topics/a')
    assert.equal(pathOf('http-1.0', '/prod/topics/a', undefined, 'prod'), '/topics/a')
    assert.equal(pathOf('http-2.0', '/production/a', undefined, 'prod'), '/production/a')
    assert.equal(pathOf('http-2.0', '/prod', undefined, 'prod'), '/')
    assert.equal(pathOf('rest', '/iot/topics/a', '/iot'), '/topics/a')
    assert.equal(pathOf('rest', '/iot/topics/a', '/iot/'), '/topics/a')
    assert.equal(pathOf('rest', '/iotic/topics/a', '/iot'), '/iotic/topics/a')
    // the path of a REST API is without its stage
    assert.equal(pathOf('rest', '/prod/topics/a', undefined, 'prod'), '/prod/topics/a')
    assert.equal(pathOf('alb', '/iot/topics/a', '/iot'), '/topics/a')
  })

  it('has its certificate from API Gateway, never from a header', () => {
    const headers = { 'x-amzn-mtls-clientcert-leaf': ['forged'], 'client-cert': ['forged'] }
    for (const name of ['rest', 'http-1.0', 'http-2.0'] as const) {
      const pem = '-----BEGIN CERTIFICATE-----'
      assert.equal(readEvent(requestEvent(name, { pem, headers })).certificate, pem)
      assert.equal(readEvent(requestEvent(name, { pem: null, headers })).certificate, null)
    }
    assert.equal(readEvent(readFixture('function-url')).certificate, null)
  })

  it('is refused when it is not an HTTP request', () => {
    const others = [readFixture('sqs'), readFixture('websocket'), {}, null, 'GET /', []]
    for (const event of [...others, { requestContext: null, httpMethod: 'GET' }])
      assert.throws(() => readEvent(event), UsageError)
    assert.throws(() => readEvent(readFixture('sqs')), /not an HTTP request.*Records/)
  })
})

describe('an answer', () => {
  const headers = {
    'content-type': 'application/json',
    'retry-after': '2',
    connection: 'close',
    'content-length': '2',
    vary: ['a', 'b'],
  }
  const answer = { status: 503, headers, body: Buffer.from('{}') }

  it('is written as payload format 2.0', () => {
    assert.deepEqual(toResult(answer, '2.0'), {
      statusCode: 503,
      headers: { 'content-type': 'application/json', 'retry-after': '2', vary: 'a, b' },
      body: '{}',
      isBase64Encoded: false,
    })
  })

  it('is written as payload format 1.0', () => {
    assert.deepEqual(toResult(answer, '1.0'), {
      statusCode: 503,
      multiValueHeaders: {
        'content-type': ['application/json'],
        'retry-after': ['2'],
        vary: ['a', 'b'],
      },
      body: '{}',
      isBase64Encoded: false,
    })
  })

  it('is written for a load balancer', () => {
    const { statusDescription, headers } = toResult(answer, 'alb')
    assert.deepEqual([statusDescription, headers?.vary], ['503 Service Unavailable', 'a, b'])
    const { multiValueHeaders } = toResult(answer, 'alb-multi-value')
    assert.deepEqual(multiValueHeaders?.vary, ['a', 'b'])
  })

  it('is base64 only where it is not text', () => {
    const result = toResult({ ...answer, body: Buffer.from([0xff, 0x00]) }, '2.0')
    assert.deepEqual([result.body, result.isBase64Encoded], ['/wA=', true])
  })
})
