import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, constants } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { curl, http2, http2Session, messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { END_HEADERS, FRAME, frame, hpack, PONG, PREFACE } from '../support/raw-http2.ts'

describe('the device door over HTTP/2', () => {
  let at: TestGateway
  let device: Credentials

  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  it('is chosen by curl with ALPN, and HTTP/1.1 by clients without it', async () => {
    const url = `https://localhost:${at.ports.device}/whoami`
    for (const [asked, spoken] of [
      ['--http2', '2'],
      ['--http1.1', '1.1'],
      ['--no-alpn', '1.1'],
    ] as const) {
      const { stdout } = await curl(device, device.caFile, asked, '-w', ' %{http_version}', url)
      assert.match(stdout, new RegExp(`"id":"device".* ${spoken}$`))
    }
  })

  it('publishes a hundred readings at once on one connection, in order', async () => {
    const subscriber = await mqtt(at, device)
    const messages = messagesOf(subscriber)
    await subscriber.subscribeAsync('many')
    const session = http2Session(at, device)
    const request = { ':method': 'POST', ':path': '/topics/many' }
    const numbers = [...Array(100).keys()].map(String)
    const answers = await Promise.all(numbers.map((number) => http2(session, request, number)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      numbers.map(() => 200),
    )
    const traceIds = answers.map(({ json }) => json.traceId)
    assert.equal(new Set(traceIds).size, numbers.length)
    const arrived: string[] = []
    while (arrived.length < numbers.length) arrived.push((await messages.next()).payload)
    assert.deepEqual(arrived, numbers)
    assert.equal(await at.metric('wott_connections{door="device"}'), 1)
    session.close()
    await subscriber.endAsync()
  })

  it('publishes nothing of an incomplete body', async () => {
    const session = http2Session(at, device)
    const path = '/topics/broken?retain=true&qos=1'
    const whole = await http2(session, { ':method': 'POST', ':path': path }, 'whole')
    assert.equal(whole.status, 200)
    const invalid = 'wott_publishes_total{door="device",qos="0",result="invalid"}'
    let refused = (await at.metric(invalid)) ?? 0
    const cancel = frame(FRAME.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]))
    for (const [body, breakOff] of [
      ['21', (socket: TLSSocket) => socket.write(cancel)],
      ['21', (socket: TLSSocket) => socket.end()],
      ['21', (socket: TLSSocket) => socket.destroy()],
      // an empty body would clear the retained message
      ['', (socket: TLSSocket) => socket.destroy()],
      ['', (socket: TLSSocket) => socket.write(cancel)],
    ] as const) {
      const socket = await rawTls(at, device, { ALPNProtocols: ['h2'] })
      const headers = { ':method': 'POST', ':scheme': 'https', ':authority': 'x', ':path': path }
      socket.write(Buffer.concat([PREFACE, frame(FRAME.HEADERS, END_HEADERS, 1, hpack(headers))]))
      if (body !== '') socket.write(frame(FRAME.DATA, 0, 1, Buffer.from(body)))
      socket.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8)))
      // the answer to the PING comes after everything before it was read
      let answers = Buffer.alloc(0)
      while (!answers.includes(PONG))
        answers = Buffer.concat([answers, (await once(socket, 'data'))[0]])
      breakOff(socket)
      refused += 1
      await at.until(invalid, refused)
      socket.destroy()
    }
    assert.equal((await http2(session, { ':path': '/topics/broken' })).text, 'whole')
    session.close()
  })

  it('accepts a body in single bytes', async () => {
    const session = http2Session(at, device)
    const stream = session.request({ ':method': 'POST', ':path': '/topics/bytes?retain=true' })
    const text = 'byte by byte '.repeat(200)
    for (const byte of text) await new Promise((resolve) => stream.write(byte, resolve))
    stream.end()
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 200)
    assert.equal((await http2(session, { ':path': '/topics/bytes' })).text, text)
    session.close()
  })

  it('allows 250 concurrent requests on one connection', async () => {
    const session = http2Session(at, device)
    const [settings] = await once(session, 'remoteSettings')
    assert.equal(settings.maxConcurrentStreams, 250)
    session.close()
  })

  it('accepts the longest topic', async () => {
    const session = connect(`https://localhost:${at.ports.device}`, {
      ca: device.ca,
      cert: device.certificate,
      key: device.key,
      maxSendHeaderBlockLength: 1024 * 1024,
    })
    const post = (bytes: number) =>
      http2(session, { ':method': 'POST', ':path': `/topics/${'a'.repeat(bytes)}` }, '1')
    assert.equal((await post(65_535)).status, 200)
    assert.equal((await post(65_536)).json.code, 'topic_invalid')
    session.close()
  })

  it('answers unknown requests with a problem, and stays open', async () => {
    const session = http2Session(at, device)
    for (const [method, path, code, allow] of [
      ['GET', '/nothing', 'not_found'],
      ['GET', '/topics', 'method_not_allowed', 'POST'],
      ['DELETE', '/topics/a', 'method_not_allowed', 'GET, HEAD, POST'],
      ['HEAD', '/nothing', null],
      ['OPTIONS', '*', 'not_found'],
      ['BREW', '/topics/a', 'method_not_allowed', 'GET, HEAD, POST'],
      ['BREW', '/nothing', 'not_found'],
      ['PUT', '/session', 'method_not_allowed', 'GET, HEAD'],
      ['POST', '/', 'method_not_allowed', 'GET, HEAD'],
      ['GET', '/%zz', 'not_found'],
      ['GET', '/%74opics/a', 'not_found'],
    ] as const) {
      const answer = await http2(session, { ':method': method, ':path': path })
      assert.equal(answer.status, allow ? 405 : 404, `${method} ${path}`)
      assert.equal(answer.headers.allow, allow, `${method} ${path}`)
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json\b/)
      assert.equal(answer.headers.connection, undefined)
      assert.ok(answer.headers['x-request-id'])
      if (code !== null) assert.equal(answer.json.code, code, `${method} ${path}`)
    }
    assert.equal((await http2(session, { ':path': '/whoami' })).status, 200)
    session.close()
  })

  it('answers CONNECT with a problem too', async () => {
    for (const [who, status, code] of [
      [device, 404, 'not_found'],
      [null, 401, 'certificate_required'],
    ] as const) {
      const session = http2Session(at, who)
      const closed = once(session, 'close')
      const request = { ':method': 'CONNECT', ':authority': 'elsewhere:443' }
      const answer = await http2(session, request)
      assert.deepEqual([answer.status, answer.json.code], [status, code])
      await closed
    }
  })

  it('stays open after a body that was too large', async () => {
    const session = http2Session(at, device)
    const request = { ':method': 'POST', ':path': '/topics/a' }
    const refused = await http2(session, request, Buffer.alloc(1024 * 1024))
    assert.equal(refused.json.code, 'payload_too_large')
    assert.equal((await http2(session, request, '1')).status, 200)
    session.close()
  })

  it('ends a connection after a protocol error, and no other', async () => {
    const session = http2Session(at, device)
    assert.equal((await http2(session, { ':path': '/whoami' })).status, 200)
    const socket = await rawTls(at, device, { ALPNProtocols: ['h2'] })
    socket.resume()
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(64)}`)
    await once(socket, 'close')
    assert.equal((await http2(session, { ':path': '/whoami' })).status, 200)
    session.close()
  })
})
