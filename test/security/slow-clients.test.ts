import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { eventSource, http1, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawAnswers, rawTls, untilClosed } from '../support/raw.ts'
import { FRAME, frame, hpack, PREFACE } from '../support/raw-http2.ts'

const SETTINGS = {
  requestTimeout: '1',
  requestRate: '1KiB',
  streamStall: '1',
  packetTimeout: '1',
  maxPayload: '8MiB',
}
const POST = { ':method': 'POST', ':scheme': 'https', ':authority': 'x', ':path': '/topics/a' }
const TRICKLE_MS = 100
const DOORS = ['device', 'viewer', 'ops'] as const

/** Sends the body of a POST one byte at a time; the answer is 408, and then the connection ends. */
async function assertTooLate(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const stream = session.request({ ':method': 'POST', ...headers })
  const closed = once(session, 'close')
  const timer = setInterval(() => stream.writable && stream.write('x'), TRICKLE_MS)
  const [answer] = await once(stream, 'response')
  clearInterval(timer)
  assert.equal(answer[':status'], 408)
  stream.resume()
  await closed
}

describe('a slow client', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n', settings: SETTINGS })
    device = await at.pki.issue('device')
    await http1(at, device, { path: '/topics/known', method: 'POST', body: '1' })
  })
  after(() => at[Symbol.asyncDispose]())

  const cut = (door: string, reason = 'request_timeout') =>
    at.metric(`wott_connections_cut_total{door="${door}",reason="${reason}"}`)

  async function dial(door: 'device' | 'viewer' | 'ops', protocol?: 'h2'): Promise<Socket> {
    if (door === 'ops') {
      const socket = connect(at.ports.ops, '127.0.0.1')
      await once(socket, 'connect')
      return socket
    }
    const who = door === 'device' ? device : null
    return rawTls(at, who, { door, ...(protocol ? { ALPNProtocols: [protocol] } : {}) })
  }

  /** Sends a byte again and again until the other end closes; returns what it received. */
  async function trickle(socket: Socket, bytes: Buffer | string): Promise<string> {
    const timer = setInterval(() => socket.write(bytes), TRICKLE_MS)
    try {
      return await untilClosed(socket)
    } finally {
      clearInterval(timer)
    }
  }

  // the tests wait for deadlines of a second, so they run in parallel
  describe('on every door', { concurrency: true }, () => {
    for (const door of DOORS) {
      it(`with the headers of an HTTP/1.1 request is answered 408 on the ${door} door`, async () => {
        const socket = await dial(door)
        socket.write('GET / HTTP/1.1\r\nX: ')
        const [answer] = rawAnswers(await trickle(socket, 'x'))
        assert.equal(answer?.status, 408)
      })

      it(`with the body of an HTTP/1.1 request is answered on the ${door} door, and its connection ends`, async () => {
        const socket = await dial(door)
        const path = { device: '/topics/a', viewer: '/session', ops: '/metrics' }[door]
        socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n`)
        const [answer] = rawAnswers(await trickle(socket, 'x'))
        // the ops door accepts no bodies
        assert.ok(answer?.status === 408 || (door === 'ops' && answer?.status === 405), door)
      })
    }

    for (const door of ['device', 'viewer'] as const) {
      it(`with the body of an HTTP/2 request is answered 408 on the ${door} door`, async () => {
        await assertTooLate(http2Session(at, door === 'device' ? device : null, door), {
          ':path': door === 'device' ? '/topics/a' : '/session',
          'content-type': 'application/json',
        })
      })

      it(`with an HTTP/2 connection that only pings is disconnected on the ${door} door`, async () => {
        const session = http2Session(at, door === 'device' ? device : null, door)
        const timer = setInterval(() => session.destroyed || session.ping(() => {}), TRICKLE_MS)
        await once(session, 'close')
        clearInterval(timer)
      })

      it(`with the end of an HTTP/2 request's headers is disconnected on the ${door} door`, async () => {
        const socket = await dial(door, 'h2')
        socket.write(Buffer.concat([PREFACE, frame(FRAME.HEADERS, 0, 1, hpack(POST))]))
        // the length of a frame that comes one byte at a time
        socket.write(frame(9, 0, 1, Buffer.alloc(16_000)).subarray(0, 9))
        await trickle(socket, Buffer.alloc(1))
      })
    }

    it('with the body of a publish over HTTP/2 to a known URL is answered 408', async () => {
      await assertTooLate(http2Session(at, device), {
        ':path': '/topics/known',
        'content-length': 1000,
      })
    })

    it('cannot keep an answered HTTP/2 request half-open', async () => {
      const session = http2Session(at, null, 'viewer')
      const stream = session.request({ ':path': '/nothing' }, { endStream: false })
      await once(stream.resume(), 'close')
      assert.equal(session.closed, false)
      session.close()
    })

    it('is allowed with a body that arrives at the minimum rate', async () => {
      const socket = await rawTls(at, device)
      socket.write('POST /topics/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n')
      socket.write(`Content-Length: 8193\r\n\r\n${'x'.repeat(8192)}`)
      const ended = untilClosed(socket)
      // this one begins later, and has no time left by then
      const other = await dial('device')
      other.write('POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1')
      assert.equal(rawAnswers(await untilClosed(other))[0]?.status, 408)
      socket.write('x')
      assert.equal(rawAnswers(await ended)[0]?.status, 200)
    })

    it('is allowed with a stream, over HTTP/1.1 and over HTTP/2 with an open request', async () => {
      using events = await eventSource(at, device, '/topics/live')
      const session = http2Session(at, device)
      const request = { ':path': '/topics/live', accept: 'text/event-stream' }
      const stream = session.request(request, { endStream: false })
      const [headers] = await once(stream, 'response')
      assert.equal(headers[':status'], 200)
      const late = await dial('device')
      late.write('POST /topics/a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1')
      assert.equal(rawAnswers(await untilClosed(late))[0]?.status, 408)
      await http1(at, device, { path: '/topics/live', method: 'POST', body: 'still here' })
      assert.match((await events.next()).data, /still here/)
      let text = ''
      for await (const chunk of stream) {
        text += chunk
        if (text.includes('still here')) break
      }
      session.destroy()
    })

    it('cannot keep an unread answer over HTTP/1.1', async () => {
      const path = '/topics/large'
      const body = 'x'.repeat(8 * 1024 * 1024)
      await http1(at, device, { path: `${path}?retain=true`, method: 'POST', body })
      const before = (await cut('device', 'slow_reader')) ?? 0
      const socket = await rawTls(at, device)
      socket.pause()
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(2))
      // 16 MiB at 1 KiB a second would be hours, so they are asked for where no rate gives more time
      await using strict = await startGateway({
        acl: 'pattern readwrite #\n',
        settings: { ...SETTINGS, requestRate: '0', packetTimeout: '60' },
      })
      const reader = await strict.pki.issue('reader')
      // over HTTP it would have one second
      const writer = await mqtt(strict, reader)
      await writer.publishAsync('large', body, { qos: 1, retain: true })
      await writer.endAsync()
      const stuck = await rawTls(strict, reader)
      stuck.pause()
      stuck.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(2))
      const sample = 'wott_connections_cut_total{door="device",reason="slow_reader"}'
      await strict.until(sample, (value) => value !== 0)
      assert.equal(await cut('device', 'slow_reader'), before)
      stuck.destroy()
      socket.destroy()
    })

    it('cannot keep an unread answer of several chunks, or to a publish, over HTTP/2', async () => {
      await using strict = await startGateway({
        acl: 'pattern readwrite #\n',
        settings: { ...SETTINGS, requestRate: '0' },
      })
      const reader = await strict.pki.issue('reader')
      const body = 'x'.repeat(100_000)
      await http1(strict, reader, { path: '/topics/large?retain=true', method: 'POST', body })
      const session = http2Session(strict, reader)
      // the client receives what fits into its window, and leaves the rest
      session.request({ ':path': '/topics/large' }).on('error', () => {})
      await http1(strict, reader, { path: '/topics/known', method: 'POST', body: '1' })
      const publishers = ['/topics/a', '/topics/known'].map((path) => {
        const publisher = http2Session(strict, reader)
        publisher.settings({ initialWindowSize: 0 })
        publisher
          .request({ ':method': 'POST', ':path': path, 'content-length': 1 })
          .on('error', () => {})
          .end('1')
        return publisher
      })
      await Promise.all([session, ...publishers].map((each) => once(each, 'close')))
      const sample = 'wott_connections_cut_total{door="device",reason="slow_reader"}'
      assert.equal(await strict.metric(sample), 3)
    })

    it('cannot keep an unread answer over HTTP/2', async () => {
      const session = connectHttp2(`https://localhost:${at.ports.viewer}`, {
        ca: at.pki.authority.certificate,
        settings: { initialWindowSize: 0 },
      })
      const stream = session.request({ ':path': '/nothing' })
      stream.on('error', () => {})
      const timer = setInterval(() => session.destroyed || session.ping(() => {}), TRICKLE_MS)
      await once(session, 'close')
      clearInterval(timer)
      assert.equal(await cut('viewer', 'slow_reader'), 1)
    })
  })

  it('is counted', async () => {
    // on the device door, two more stop in the middle of a body
    assert.deepEqual(await Promise.all(DOORS.map((door) => cut(door))), [8, 5, 2])
  })
})
