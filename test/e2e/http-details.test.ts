import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { http1, http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawAnswers, rawHttp, rawTls, untilClosed } from '../support/raw.ts'

describe('the details of HTTP', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n' })
    device = await at.pki.issue('device')
    await http1(at, device, { path: '/topics/a?retain=true', method: 'POST', body: '21.5' })
  })
  after(() => at[Symbol.asyncDispose]())

  it("HTTP/1.1 is spoken with AWS IoT's ALPN name, and without ALPN", async () => {
    for (const [offered, chosen] of [
      [['x-amzn-http-ca'], 'x-amzn-http-ca'],
      [['x-amzn-http-ca', 'http/1.1'], 'http/1.1'],
      [['http/1.1', 'h2'], 'h2'],
      [undefined, false],
    ] as const) {
      const ALPNProtocols = offered && [...offered]
      const socket = await rawTls(at, device, ALPNProtocols ? { ALPNProtocols } : {})
      assert.equal(socket.alpnProtocol, chosen)
      if (chosen !== 'h2') {
        socket.write('GET /topics/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        assert.equal(rawAnswers(await untilClosed(socket))[0]?.body, '21.5')
      }
      socket.destroy()
    }
    await assert.rejects(rawTls(at, device, { ALPNProtocols: ['mqtt'] }))
  })

  it('HEAD is answered like GET, with the same headers and no body', async () => {
    const session = http2Session(at, device)
    const changing = new Set([
      ...['date', 'x-request-id', 'x-amzn-requestid', 'age', 'connection', 'keep-alive'],
    ])
    const lasting = (headers: object) =>
      Object.entries(headers).filter(([name]) => !changing.has(name))
    for (const path of [
      '/whoami',
      '/topics/a',
      '/retainedMessage/a',
      '/session',
      '/openapi.json',
    ]) {
      const [get, head] = [
        await http1(at, device, { path }),
        await http1(at, device, { path, method: 'HEAD' }),
      ]
      assert.deepEqual([head.status, head.text], [get.status, ''], path)
      assert.deepEqual(lasting(head.headers), lasting(get.headers), path)
      const second = await http2(session, { ':method': 'HEAD', ':path': path })
      assert.deepEqual([second.status, second.text], [get.status, ''], path)
    }
    const none = await http1(at, device, { path: '/topics/none', method: 'HEAD' })
    assert.deepEqual([none.status, none.text], [404, ''])
    session.close()
  })

  it('HEAD of a stream is answered with its headers, and opens no stream', async () => {
    const session = http2Session(at, device)
    for (const path of ['/stream?filter=a', '/topics/a']) {
      const headers = { accept: 'text/event-stream' }
      const first = await http1(at, device, { path, method: 'HEAD', headers })
      assert.match(String(first.headers['content-type']), /^text\/event-stream/)
      const second = await http2(session, { ':method': 'HEAD', ':path': path, ...headers })
      assert.equal(second.headers['content-type'], 'text/event-stream')
    }
    assert.equal(await at.metric('wott_streams{door="device"}'), 0)
    session.close()
  })

  it('HEAD of the history is answered without a body', async () => {
    const answer = await http1(at, device, { path: '/history?filter=a', method: 'HEAD' })
    assert.deepEqual([answer.status, answer.text], [200, ''])
  })

  it('an Upgrade to HTTP/2 is ignored, and the request is served', async () => {
    for (const door of ['device', 'viewer'] as const) {
      const request = `POST /${door === 'device' ? 'topics/h2c?retain=true' : 'session'} HTTP/1.1
Host: localhost
Connection: Upgrade, HTTP2-Settings, close
Upgrade: h2c
HTTP2-Settings: AAMAAABkAAQAAP__
Content-Length: 1

1`.replaceAll('\n', '\r\n')
      const [answer] = await rawHttp(at, door === 'device' ? device : null, request, { door })
      assert.equal(answer?.status, door === 'device' ? 200 : 400)
      assert.equal(answer.headers.upgrade, undefined)
    }
    assert.equal((await http1(at, device, { path: '/topics/h2c' })).text, '1')
  })

  it('100 Continue is not sent to HTTP/1.0, nor before a certain refusal, which closes the connection', async () => {
    const old = 'POST /topics/a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n1'
    const [answer] = await rawHttp(at, device, old)
    assert.equal(answer?.status, 200)
    const head = 'HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n'
    for (const [request, status] of [
      [`POST /topics/a ${head}`, 413],
      [`GET /topics/none ${head}`, 404],
      [`POST /topics ${head}`, 415],
    ] as const) {
      const [refusal, ...more] = await rawHttp(at, device, request)
      assert.deepEqual([refusal?.status, more], [status, []])
      assert.equal(refusal?.headers.connection, 'close')
    }
  })

  it('100 Continue is sent over HTTP/2 too, but not before a certain refusal', async () => {
    const session = http2Session(at, device)
    const request = { ':method': 'POST', ':path': '/topics/a', expect: '100-continue' }
    const stream = session.request(request)
    await once(stream, 'continue')
    stream.end('1')
    assert.equal((await once(stream, 'response'))[0][':status'], 200)
    stream.resume()
    const large = session.request({ ...request, 'content-length': 999_999 })
    let continued = false
    large.once('continue', () => {
      continued = true
    })
    assert.equal((await once(large, 'response'))[0][':status'], 413)
    assert.equal(continued, false)
    session.destroy()
  })

  it('a body that is too large is logged once a minute per device', async () => {
    const body = Buffer.alloc(256 * 1024)
    for (const _ of [1, 2]) {
      const answer = await http1(at, device, { path: '/topics/a', method: 'POST', body })
      assert.equal(answer.status, 413)
    }
    const lines = at.log.filter(({ msg }) => msg === 'refused a payload that is too large')
    assert.deepEqual(
      lines.map(({ level, device: id, door, limit }) => ({ level, id, door, limit })),
      [{ level: 'warn', id: 'device', door: 'device', limit: 131_072 }],
    )
  })
})
