import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2, Http2ServerRequest } from 'node:http2'
import { connect } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { pino } from 'pino'
import { createNoCommands } from '../../src/commands/commands.ts'
import { GatewayError } from '../../src/errors.ts'
import { createApp } from '../../src/http/app.ts'
import { nameCaller } from '../../src/http/caller.ts'
import type { App } from '../../src/http/fastify.ts'
import { createGate } from '../../src/http/gate.ts'
import { LeanRequest } from '../../src/http/lean-exchange.ts'
import { createPlainPublish } from '../../src/http/plain-publish.ts'
import { publishRoute } from '../../src/http/publish.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import type { Outcome, Reading } from '../../src/relay/relay.ts'
import { aclOf } from '../support/acl.ts'
import { http2 } from '../support/clients.ts'
import { HTTP_LIMITS } from '../support/http-limits.ts'
import { openKeys } from '../support/keys.ts'
import { UNLIMITED } from '../support/memory.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frame,
  framesIn,
  hpack,
  PREFACE,
} from '../support/raw-http2.ts'

/** A header that only the route reads, and that has no effect. */
const BY_ROUTE = { prefer: 'nothing' }
const CASES: readonly (readonly [name: string, path: string, headers?: Record<string, string>])[] =
  [
    ['of QoS 0', '/topics/a/b'],
    ['of QoS 1 that is retained', '/topics/a%20b?qos=1&retain=true&time=1764000000'],
    ['with properties', '/topics/a?messageExpiry=9', { 'x-amz-mqtt5-correlation-data': 'YQ==' }],
    [
      'with a CloudEvent',
      '/topics/a',
      { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': 's', 'ce-type': 't' },
    ],
    ['with a wrong CloudEvent', '/topics/a', { 'ce-specversion': '1.0' }],
    ['with a wrong header', '/topics/a', { 'x-amz-mqtt5-nothing': '1' }],
    ['of another site', '/topics/a', { origin: 'https://elsewhere.example' }],
    ['that the relay refuses', '/topics/refused'],
    ['that the relay fails at', '/topics/fault'],
  ]

describe('a plain publish', () => {
  const logged: string[] = []
  const counted: string[] = []
  const readings: Reading[] = []
  const ending = new AbortController()
  let app: App
  let port: number
  let routed = 0
  const release = Promise.withResolvers<void>()
  let enter = (work: () => void) => work()
  let onCounted: (result: string) => void = () => {}

  async function publish(_caller: unknown, reading: Reading): Promise<Outcome> {
    readings.push(reading)
    if (reading.topic === 'held') await release.promise
    if (reading.topic === 'fault') throw new Error('hunter2 in the database')
    if (reading.topic !== 'refused') return null
    return new GatewayError('rate_limited', 'Too fast.', { retryAfter: 3 })
  }

  before(async () => {
    const meter = {
      ...silentMeter,
      published(_door: string, _qos: number, result: string) {
        counted.push(result)
        onCounted(result)
      },
    }
    const gate = createGate({
      acl: aclOf('topic write #\n'),
      turns: { enter: (_device, work) => enter(work) },
      senders: {
        of: () => ({ id: 'device', serial: '', fingerprint256: '', notAfter: 0 }),
        enter: () => null,
        ended: () => ending.signal,
      },
      door: 'proxy',
    })
    const options = { relay: { publish }, meter, maxPayloadBytes: 1000, gate }
    app = createApp({
      ...HTTP_LIMITS,
      ...UNLIMITED,
      trust: null,
      requestCert: false,
      log: pino({}, { write: (line: string) => logged.push(line) }),
      shortcut: (context) => createPlainPublish(options, context),
    })
    app.addHook('onRequest', (request, reply, done) => {
      routed += 1
      const caller = gate.admit(request.raw, reply.raw)
      if (caller instanceof GatewayError) throw caller
      nameCaller(request, caller)
      done()
    })
    publishRoute(app, {
      ...options,
      keys: openKeys(),
      commands: createNoCommands('off'),
      onTooLarge() {},
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    port = (app.server.address() as { port: number }).port
  })
  after(() => app.close())
  beforeEach(() => {
    for (const list of [logged, counted, readings]) list.length = 0
    routed = 0
  })

  async function send(path: string, headers: Record<string, string> = {}, body = '21.5') {
    const socket = connect(port, '127.0.0.1')
    socket.write(head(path, { ...headers, connection: 'close' }, body.length) + body)
    const [answer = assert.fail()] = rawAnswers(await untilClosed(socket))
    return answer
  }

  for (const [name, path, headers = {}] of CASES)
    it(`${name} has the same answer as from the route`, async () => {
      const plain = await send(path, headers)
      const plainly = {
        counted: counted.splice(0),
        readings: readings.splice(0),
        logged: logged.splice(0).length,
      }
      assert.equal(routed, 0)
      const route = await send(path, { ...headers, ...BY_ROUTE })
      assert.equal(routed, 1)
      assert.deepEqual(withoutId(plain), withoutId(route))
      assert.equal(plain.headers['x-request-id'], JSON.parse(plain.body).traceId)
      assert.deepEqual(plainly, { counted, readings, logged: logged.length })
    })

  for (const [name, path, headers = {}] of CASES)
    it(`${name} has the same answer as from the route over HTTP/2`, async () => {
      const request = { ':method': 'POST', ':path': path, 'content-length': 4, ...headers }
      const session = connectHttp2(`http://127.0.0.1:${port}`)

      async function ask(more: Record<string, string> = {}) {
        const requested = once(app.server, 'request')
        const { status, headers, text } = await http2(session, { ...request, ...more }, '21.5')
        const [asked] = await requested
        const effects = {
          counted: counted.splice(0),
          readings: readings.splice(0),
          logged: logged.splice(0).length,
        }
        return { asked, answer: withoutId({ status, headers, body: text }), effects }
      }

      const first = await ask()
      // now its URL is known
      const second = await ask()
      assert.equal(routed, 0)
      const route = await ask(BY_ROUTE)
      assert.equal(routed, 1)
      assert.ok(second.asked instanceof LeanRequest)
      assert.ok(route.asked instanceof Http2ServerRequest)
      for (const { answer, effects } of [first, second])
        assert.deepEqual({ answer, effects }, { answer: route.answer, effects: route.effects })
      session.close()
    })

  it('is left to the route where it needs more or is invalid', async () => {
    const cases: [string, Record<string, string>?, string?][] = [
      ['/topics/a?qos=2'],
      ['/topics/a?command=0'],
      ['/topics/%zz'],
      ['/topics/a', { 'idempotency-key': 'k' }],
      ['/topics/a', { 'content-encoding': 'identity' }],
      ['/topics/a', {}, '1'.repeat(1001)],
    ]
    for (const [path, headers, body] of cases) await send(path, headers, body)
    assert.equal(routed, cases.length)
  })

  it('logs an internal error, and sends its device only the trace id', async () => {
    const { status, body } = await send('/topics/fault')
    assert.deepEqual([status, JSON.parse(body).code], [500, 'internal_error'])
    assert.doesNotMatch(body, /hunter2|\.ts:/)
    const [line = assert.fail()] = logged.map((text) => JSON.parse(text))
    assert.deepEqual(
      [line.traceId, line.err.message],
      [JSON.parse(body).traceId, 'hunter2 in the database'],
    )
    assert.deepEqual(counted, [])
  })

  it('is counted and not published where its body breaks off', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(`${head('/topics/a', {}, 4)}21`)
    const counts = new Promise((resolve) => {
      onCounted = resolve
    })
    await once(socket, 'connect')
    socket.end()
    assert.equal(await counts, 'invalid')
    assert.deepEqual(readings, [])
  })

  it('is published where its body arrives in two pieces', async () => {
    const socket = connect(port, '127.0.0.1')
    const answered = once(socket, 'data')
    socket.write(head('/topics/a', { connection: 'close' }, 4))
    await once(app.server, 'request')
    socket.write('21')
    socket.write('.5')
    await answered
    assert.equal(String(readings[0]?.payload), '21.5')
    socket.destroy()
  })

  it('is published where its body arrived in two pieces before its turn', async () => {
    const { promise: held, resolve } = Promise.withResolvers<() => void>()
    const before = enter
    enter = resolve
    const socket = connect(port, '127.0.0.1')
    const answered = once(socket, 'data')
    socket.write(head('/topics/a', { connection: 'close' }, 4))
    const [request] = (await once(app.server, 'request')) as [IncomingMessage]
    socket.write('21')
    while (request.readableLength < 2) await setImmediate()
    socket.write('.5')
    while (!request.complete) await setImmediate()
    enter = before
    ;(await held)()
    await answered
    assert.equal(String(readings[0]?.payload), '21.5')
    socket.destroy()
  })

  it('whose body has come before its turn over HTTP/2 is published, and its stream ends', async () => {
    const { promise: held, resolve } = Promise.withResolvers<() => void>()
    const before = enter
    enter = resolve
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const asked = session.request({
      ':method': 'POST',
      ':path': '/topics/a',
      'content-length': 4,
    })
    const [{ stream }] = (await once(app.server, 'request')) as [Http2ServerRequest]
    const ended = once(stream, 'close')
    asked.write('21')
    while (stream.readableLength < 2) await setImmediate()
    asked.end('.5')
    while (stream.readableLength < 4) await setImmediate()
    enter = before
    ;(await held)()
    const [headers] = await once(asked, 'response')
    await Promise.all([ended, once(asked.resume(), 'close')])
    assert.deepEqual([headers[':status'], asked.rstCode, stream.rstCode], [200, 0, 0])
    assert.equal(String(readings[0]?.payload), '21.5')
    session.close()
  })

  it('that its client resets without an error before the answer leaves no stream', async () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const asked = session.request({
      ':method': 'POST',
      ':path': '/topics/held',
      'content-length': 1,
    })
    const requested = once(app.server, 'request')
    asked.end('1')
    const [{ stream }] = (await requested) as [Http2ServerRequest]
    while (readings.length === 0) await setImmediate()
    const ended = once(stream, 'close')
    asked.close()
    await ended
    release.resolve()
    session.close()
  })

  it('makes no error for the end of its stream over HTTP/2', async () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const requested = once(app.server, 'request')
    const answer = http2(
      session,
      { ':method': 'POST', ':path': '/topics/a', 'content-length': 1 },
      '1',
    )
    const [{ stream }] = (await requested) as [Http2ServerRequest]
    // Node destroys a stream that ends while it is written, and then it never finishes
    await Promise.all([once(stream, 'finish'), once(stream, 'close'), answer])
    session.close()
  })

  it('is answered in one piece over HTTP/2, with the end of the stream in the frame of the body', async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write(PREFACE)
    await once(socket, 'data')
    const headers = hpack({
      ':method': 'POST',
      ':scheme': 'http',
      ':authority': 'x',
      ':path': '/topics/a',
      'content-length': '4',
    })
    const asked = [
      frame(FRAME.HEADERS, END_HEADERS, 1, headers),
      frame(FRAME.DATA, END_STREAM, 1, Buffer.from('21.5')),
    ]
    socket.write(Buffer.concat(asked))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.deepEqual(
      framesIn(answer).filter(({ stream }) => stream === 1),
      [
        { type: FRAME.HEADERS, flags: END_HEADERS, stream: 1 },
        { type: FRAME.DATA, flags: END_STREAM, stream: 1 },
      ],
    )
    socket.destroy()
  })

  it('without a body is published', async () => {
    assert.equal((await send('/topics/a', {}, '')).status, 200)
    assert.equal(readings[0]?.payload.length, 0)
  })

  it('is refused when its device is dismissed while the body arrives', async () => {
    const socket = connect(port, '127.0.0.1')
    const answer = untilClosed(socket)
    socket.write(head('/topics/a', { connection: 'close' }, 4))
    await once(app.server, 'request')
    ending.abort(new GatewayError('certificate_revoked', 'Revoked.'))
    socket.write('21.5')
    const [{ status, body } = assert.fail()] = rawAnswers(await answer)
    assert.deepEqual([status, JSON.parse(body).code, readings], [401, 'certificate_revoked', []])
  })
})

function head(path: string, headers: Record<string, string>, length: number): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${lines.join('')}Content-Length: ${length}\r\n\r\n`
}

/** An answer without its trace id, which differs each time. */
function withoutId({ status, headers, body }: { status: number; headers: object; body: string }) {
  const { traceId, ...rest } = JSON.parse(body)
  const same = Object.entries(headers).filter(([, value]) => value !== traceId)
  return {
    status,
    body: rest,
    headers: Object.fromEntries(same.filter(([name]) => name !== 'date')),
  }
}
