import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import type { FastifyInstance } from 'fastify'
import {
  http1,
  http2,
  http2Session,
  messagesOf,
  mqtt,
  mqttOverWebSocket,
  type ReceivedMessage,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawAnswers, rawHttp, rawTls, untilClosed } from '../support/raw.ts'

const POST = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\n'
const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: mqtt\r\n',
].join('\r\n')

describe('without a certificate', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
  })
  after(() => at[Symbol.asyncDispose]())

  it('every request is answered 401, also malformed ones', async () => {
    for (const request of [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n',
      'POST /topics/%ff HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
      'GET /%77hoami HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /topics/../whoami HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET //whoami HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /whoami?certificate=1#x HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET https://localhost/whoami HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /whoami HTTP/1.1\r\n\r\n',
      'GET /whoami HTTP/1.0\r\n\r\n',
      'HEAD /whoami HTTP/1.1\r\nHost: x\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
      'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n',
      'PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /whoami HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n',
      'GET /whoami HTTP/1.1\r\nHost: x\r\nX-Client-Cert: yes\r\nX-SSL-Client-Verify: SUCCESS\r\n\r\n',
      `GET /nowhere HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
      `GET /mqtt HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
      `GET /mqtt HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n${UPGRADE}\r\n`,
    ]) {
      const [answer, ...more] = await rawHttp(at, null, request)
      assert.equal(answer?.status, 401, request)
      assert.equal(answer.headers['content-type'], 'application/problem+json', request)
      if (!request.startsWith('HEAD'))
        assert.equal(JSON.parse(answer.body).code, 'certificate_required', request)
      assert.deepEqual(more, [], request)
    }
  })

  it('every HTTP/2 request is answered 401', async () => {
    for (const headers of [
      { ':method': 'BREW', ':path': '/whoami' },
      { ':method': 'GET', ':path': '/%zz' },
      { ':method': 'GET', ':path': '/whoami', expect: 'tea' },
      { ':method': 'POST', ':path': '/topics/a', expect: '100-continue' },
      { ':method': 'OPTIONS', ':path': '*' },
    ]) {
      const session = http2Session(at, null)
      const closed = once(session, 'close')
      const answer = await http2(session, headers)
      assert.deepEqual([answer.status, answer.json.code], [401, 'certificate_required'])
      await closed
    }
  })

  it('no body is requested with 100 Continue', async () => {
    const text = await rawHttp(at, null, `${POST}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n`)
    assert.deepEqual(
      text.map(({ status }) => status),
      [401],
    )
  })
})

describe('the device door', () => {
  let at: TestGateway
  let app: FastifyInstance
  const routes: string[] = []
  before(async () => {
    const watch = (message: unknown) => {
      const { fastify } = message as { fastify: FastifyInstance }
      fastify.addHook('onRoute', ({ method, url }) => {
        if (url === '/topics') app = fastify
        if (url !== '/' && url !== '*')
          for (const name of [method].flat()) routes.push(`${name} ${url}`)
      })
    }
    subscribe('fastify.initialization', watch)
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    unsubscribe('fastify.initialization', watch)
  })
  after(() => at[Symbol.asyncDispose]())

  it('does not let a client without a certificate reach any route', async () => {
    for (const route of ['POST /topics', 'POST /topics/*', 'GET /topics/*', 'GET /stream'])
      assert.ok(routes.includes(route), route)
    for (const route of routes) {
      const request = `${route.replace('*', 'a')} HTTP/1.1\r\nHost: localhost\r\n\r\n`
      const [answer] = await rawHttp(at, null, request)
      assert.equal(answer?.status, 401, route)
    }
  })

  it('survives a reset of the connection of a refused upgrade', async () => {
    for (const length of ['', 'Content-Length: 5\r\n']) {
      const socket = await rawTls(at, null)
      socket.write(`GET /mqtt HTTP/1.1\r\nHost: localhost\r\n${length}${UPGRADE}\r\n`)
      await once(socket, 'readable')
      socket.tcp.resetAndDestroy()
    }
    // before its answer is sent, which a client cannot time exactly
    const connection = new Duplex({ read() {}, write() {} })
    const request = { headers: {}, url: '/mqtt', socket: connection }
    app.server.emit('upgrade', request, connection, Buffer.alloc(0))
    connection.destroy(new Error('read ECONNRESET'))
    await new Promise((resolve) => connection.once('close', resolve))
    await at.until('wott_connections{door="device"}', 0)
    const good = await at.pki.issue('good')
    assert.equal((await http1(at, good, { path: '/whoami' })).status, 200)
  })
})

describe('an ambiguous request', () => {
  let at: TestGateway
  let device: Credentials
  let messages: { next(): Promise<ReceivedMessage> }
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    device = await at.pki.issue('device')
    const subscriber = await mqtt(at, device)
    messages = messagesOf(subscriber)
    await subscriber.subscribeAsync('#')
  })
  after(() => at[Symbol.asyncDispose]())

  const SMUGGLED = 'POST /topics/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx'
  const AMBIGUOUS = {
    'both lengths': `Content-Length: ${SMUGGLED.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'both lengths, the other way round': 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n',
    'two lengths': 'Content-Length: 0\r\nContent-Length: 9\r\n\r\n',
    'the same length twice': 'Content-Length: 0\r\nContent-Length: 0\r\n\r\n',
    'a list of lengths': 'Content-Length: 0, 9\r\n\r\n',
    'a length with a sign': 'Content-Length: +0\r\n\r\n',
    'a length in hexadecimal': 'Content-Length: 0x0\r\n\r\n',
    'a length beyond 64 bits': 'Content-Length: 18446744073709551616\r\n\r\n',
    'an unknown coding': 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    'a coding before chunked': 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'two hosts': 'Host: elsewhere\r\nContent-Length: 0\r\n\r\n',
    'the same host twice': 'Host: localhost\r\nContent-Length: 0\r\n\r\n',
    'chunked and then something': 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'a space before the colon': 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    'a chunk of a size beyond 64 bits':
      'Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx\r\n0\r\n\r\n',
    'a chunk with a bare line feed': 'Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n',
    'a length among the trailers':
      'Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n',
    'a folded header': 'X: a\r\n Content-Length: 9\r\n\r\n',
    'a bare carriage return': 'X: a\rContent-Length: 9\r\n\r\n',
    'a NUL': 'X: a\0\r\nContent-Length: 0\r\n\r\n',
  }

  for (const [what, head] of Object.entries(AMBIGUOUS))
    it(`with ${what} is answered 400, and nothing after it is read`, async () => {
      const answers = await rawHttp(at, device, POST + head + SMUGGLED)
      assert.deepEqual(
        answers.map(({ status }) => status),
        [400],
      )
      const [answer] = answers
      assert.equal(answer?.headers['content-type'], 'application/problem+json')
      const { code, traceId } = JSON.parse(String(answer?.body))
      assert.equal(code, 'request_invalid')
      assert.equal(traceId, answer?.headers['x-request-id'])
    })

  it('with a coding over HTTP/1.0 is answered 400, and nothing after it is read', async () => {
    const request = 'POST /topics/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
    const answers = await rawHttp(at, device, request + SMUGGLED)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400],
    )
  })

  it('with one host in :authority and another in Host is answered 400', async () => {
    const session = http2Session(at, device)
    const answer = await http2(session, {
      ':path': '/whoami',
      ':authority': 'localhost',
      host: 'elsewhere',
    })
    assert.deepEqual([answer.status, answer.json.code], [400, 'request_invalid'])
    session.close()
  })

  it('does not include a GET with a body, and the body is not taken for a request', async () => {
    const [first, ...more] = await rawHttp(
      at,
      device,
      `GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    )
    assert.equal(first?.status, 200)
    assert.deepEqual(more, [])
  })

  it('does not include pipelined requests, which are answered in order', async () => {
    const [first, second, third] = await rawHttp(
      at,
      device,
      [
        `${POST}Content-Length: 5\r\n\r\nfirst`,
        'GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n',
        `${POST}Content-Length: 6\r\nConnection: close\r\n\r\nsecond`,
      ].join(''),
    )
    assert.deepEqual([first?.status, second?.status, third?.status], [200, 404, 200])
    // none of the smuggled requests above was published
    assert.equal((await messages.next()).payload, 'first')
    assert.equal((await messages.next()).payload, 'second')
  })
})

describe('with a certificate', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  it('bytes that are not HTTP get a problem document, and the connection closes', async () => {
    // only a little more than is read: the system drops the answer if much is unread at the end
    const tooMuch = 'x'.repeat(214_000)
    const long = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${tooMuch}\r\n\r\n`
    for (const [bytes, status, code] of [
      ['\0\0\0\0\r\n\r\n', 400, 'request_invalid'],
      ['BREW /topics/a HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'request_invalid'],
      ['GET / HTTP/1.1\r\nHo st: localhost\r\n\r\n', 400, 'request_invalid'],
      ['GET /whoami HTTP/1.1\r\n\r\n', 400, 'request_invalid'],
      [long, 431, 'headers_too_large'],
      [`GET /${tooMuch} HTTP/1.1\r\n\r\n`, 431, 'headers_too_large'],
    ] as const) {
      const [answer] = await rawHttp(at, device, bytes)
      assert.equal(answer?.status, status)
      assert.equal(answer.headers['content-type'], 'application/problem+json')
      assert.equal(answer.headers.connection, 'close')
      const { traceId, ...problem } = JSON.parse(answer.body)
      assert.deepEqual([problem.code, problem.status], [code, status])
      assert.equal(traceId, answer.headers['x-request-id'])
    }
  })

  it('bytes that are not HTTP, sent while a stream is open, do not appear in the stream', async () => {
    const socket = await rawTls(at, device)
    socket.write('GET /topics/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    await once(socket, 'readable')
    socket.write('no HTTP\r\n\r\n')
    const text = await untilClosed(socket)
    assert.match(text, /\r\n\r\nretry: 2000\n\n$/)
  })

  it('no answer lets a browser guess its content type', async () => {
    const get = (path: string) => http1(at, device, { path })
    for (const { headers } of [await get('/whoami'), await get('/topics/x'), await get('/x')])
      assert.equal(headers['x-content-type-options'], 'nosniff')
    for (const bytes of ['no HTTP\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n']) {
      const [answer] = await rawHttp(at, device, bytes)
      assert.equal(answer?.headers['x-content-type-options'], 'nosniff')
    }
  })

  it('a request in absolute form is routed by its path', async () => {
    const request = `POST https://localhost:1/topics/absolute?retain=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1`
    assert.equal((await rawHttp(at, device, request))[0]?.status, 200)
    assert.equal((await http1(at, device, { path: '/topics/absolute' })).text, '1')
  })

  it('an unknown Expect header is ignored', async () => {
    const request = `${POST}Expect: tea\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1`
    assert.equal((await rawHttp(at, device, request))[0]?.status, 200)
  })

  it('100 Continue is sent before the body', async () => {
    const socket = await rawTls(at, device)
    socket.write(`${POST}Expect: 100-Continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\n`)
    const [interim] = await once(socket, 'data')
    assert.equal(String(interim), 'HTTP/1.1 100 Continue\r\n\r\n')
    socket.write('1')
    assert.equal(rawAnswers(await untilClosed(socket))[0]?.status, 200)
  })

  it('a thousand requests cancelled at once leave nothing behind', async () => {
    const session = http2Session(at, device)
    const closed = Array.from({ length: 1000 }, (_, index) => {
      const path = index % 2 === 0 ? '/whoami' : '/topics/a'
      const stream = session.request({ ':path': path, accept: 'text/event-stream' })
      stream.on('error', () => {})
      stream.close(8)
      return new Promise((resolve) => stream.once('close', resolve))
    })
    await Promise.all(closed)
    session.destroy()
    await at.until('wott_connections{door="device"}', 0)
    assert.equal(await at.metric('wott_streams{door="device"}'), 0)
    assert.equal((await http1(at, device, { path: '/whoami' })).status, 200)
  })
})

describe('a web page of another site', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  const foreign = (port: number) => [
    'https://evil.example',
    'null',
    '',
    `http://localhost:${port}`,
    'https://localhost',
    `https://localhost:${port}.evil.example`,
    `https://evil.example/https://localhost:${port}`,
    `https://localhost:${port}/`,
    `https://localhost:${port}, https://evil.example`,
  ]

  it('cannot send requests with the device certificate of the browser', async () => {
    const session = http2Session(at, device)
    for (const origin of foreign(at.ports.device)) {
      const host = `localhost:${at.ports.device}`
      for (const [method, path] of [
        ['POST', '/topics/a?retain=true'],
        ['GET', '/whoami'],
        ['GET', '/topics/a'],
        ['GET', '/stream?filter=a'],
        ['OPTIONS', '/topics/a'],
      ] as const) {
        const headers = { origin, host }
        const answer = await http1(at, device, { method, path, headers })
        assert.deepEqual([answer.status, answer.json.code], [403, 'origin_denied'], origin)
        assert.equal(answer.headers['access-control-allow-origin'], undefined)
        const second = await http2(session, { ':method': method, ':path': path, origin })
        assert.deepEqual([second.status, second.json.code], [403, 'origin_denied'], origin)
      }
      const [upgrade] = await rawHttp(
        at,
        device,
        `GET /mqtt HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n${UPGRADE}\r\n`,
      )
      assert.deepEqual(
        [upgrade?.status, JSON.parse(String(upgrade?.body)).code],
        [403, 'origin_denied'],
        origin,
      )
    }
    session.close()
    assert.equal((await http1(at, device, { path: '/topics/a' })).json.code, 'not_retained')
  })

  it('cannot embed anything', async () => {
    for (const site of ['cross-site', 'same-site'])
      for (const mode of ['no-cors', 'cors', 'same-origin']) {
        const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode }
        const { status, json } = await http1(at, device, { path: '/whoami', headers })
        assert.deepEqual([status, json.code], [403, 'origin_denied'], `${site} ${mode}`)
      }
    const frame = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'iframe',
    }
    assert.equal((await http1(at, device, { path: '/whoami', headers: frame })).status, 403)
    for (const [site, mode] of [
      ['cross-site', 'navigate'],
      ['same-origin', 'no-cors'],
      ['none', 'navigate'],
    ] as const) {
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode }
      assert.equal((await http1(at, device, { path: '/whoami', headers })).status, 200, site)
    }
  })

  it('is recognised by Sec-Fetch-Site behind a proxy that does not forward Host', async () => {
    const headers = { host: 'gateway', origin: 'https://public.example' }
    const own = { ...headers, 'sec-fetch-site': 'same-origin' }
    const ask = (sent: Record<string, string>) =>
      http1(at, device, { path: '/whoami', headers: sent, servername: 'localhost' })
    assert.equal((await ask(own)).status, 200)
    for (const site of ['same-site', 'cross-site', 'none']) {
      const foreign = { ...headers, 'sec-fetch-site': site }
      assert.equal((await ask(foreign)).status, 403)
    }
  })

  it('is neither a page of the gateway itself nor a program without Origin', async () => {
    const host = `localhost:${at.ports.device}`
    const headers = { origin: `https://${host}`, host }
    assert.equal((await http1(at, device, { path: '/whoami', headers })).status, 200)
    const session = http2Session(at, device)
    const { origin } = headers
    assert.equal((await http2(session, { ':path': '/whoami', origin })).status, 200)
    session.close()
    const socket = await rawTls(at, device)
    socket.write(`GET /mqtt HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n${UPGRADE}\r\n`)
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 101 /)
    socket.destroy()
  })
})

describe('a WebSocket', () => {
  it('accepts messages up to the same size as the other doors', async () => {
    const settings = { maxPayload: '4MiB' }
    await using at = await startGateway({ acl: 'pattern readwrite #\n', settings })
    const device = await at.pki.issue('device')
    const client = await mqttOverWebSocket(at, device)
    const messages = messagesOf(client)
    await client.subscribeAsync('large')
    const payload = 'x'.repeat(4 * 1024 * 1024)
    const ended = new Promise((_, reject) => {
      client.once('close', () => reject(new Error('the connection was ended')))
    })
    await Promise.race([client.publishAsync('large', payload, { qos: 1 }), ended])
    assert.equal((await messages.next()).payload, payload)
    await client.endAsync()
  })

  it('is only available at /mqtt and /, and only for MQTT', async () => {
    await using at = await startGateway({ acl: 'pattern readwrite #\n' })
    const device = await at.pki.issue('device')
    const upgrade = (path: string, headers = UPGRADE) =>
      rawHttp(at, device, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
    for (const [answers, status, code] of [
      [await upgrade('/topics/a'), 404, 'not_found'],
      [await upgrade('/mqtt/'), 404, 'not_found'],
      [await upgrade('/mqtt', UPGRADE.replace('mqtt', 'chat')), 400, 'request_invalid'],
      [
        await upgrade('/mqtt', UPGRADE.replace(/Sec-WebSocket-Protocol.*/, 'X: y')),
        400,
        'request_invalid',
      ],
    ] as const) {
      assert.equal(answers[0]?.status, status)
      assert.equal(answers[0].headers['content-type'], 'application/problem+json')
      const { code: given, traceId } = JSON.parse(answers[0].body)
      assert.equal(given, code)
      assert.equal(traceId, answers[0].headers['x-request-id'])
    }
  })
})
