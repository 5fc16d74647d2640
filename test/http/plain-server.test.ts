import assert from 'node:assert/strict'
import dns from 'node:dns/promises'
import { once } from 'node:events'
import { request } from 'node:http'
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { syncBuiltinESMExports } from 'node:module'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it, mock } from 'node:test'
import { pino } from 'pino'
import { listen } from '../../src/door/listen.ts'
import { GatewayError } from '../../src/errors.ts'
import { closeApp, createApp } from '../../src/http/app.ts'
import type { App } from '../../src/http/fastify.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { temporaryFolder } from '../cli/program.ts'
import { http2, run } from '../support/clients.ts'
import { HTTP_LIMITS } from '../support/http-limits.ts'
import { UNLIMITED } from '../support/memory.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'
import { END_HEADERS, FRAME, frame, hpack, PREFACE } from '../support/raw-http2.ts'

const SETTINGS = {
  ...HTTP_LIMITS.settings,
  requestTimeoutMs: 1_000,
  bytesPerExtraSecond: 0,
}
const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const NOBODY = '/nobody'

/** The address of a server. */
type Place = { readonly port: number } | { readonly path: string }

for (const kind of ['a port', 'a Unix socket'] as const)
  describe(`HTTP without TLS on ${kind}`, () => {
    let app: App
    let place: Place
    let folder: Awaited<ReturnType<typeof temporaryFolder>>
    const cuts: string[] = []
    before(async () => {
      folder = await temporaryFolder()
      app = createApp({
        settings: SETTINGS,
        ...UNLIMITED,
        trust: null,
        requestCert: true,
        onCut: (reason) => void cuts.push(reason),
        admit: ({ url }) =>
          url === NOBODY ? new GatewayError('certificate_required', 'Nobody.') : null,
        log: pino({ level: 'silent' }),
      })
      app.get('/', async ({ raw }) => raw.httpVersion)
      app.post('/', async ({ body }) => `${(body as Buffer | undefined)?.length ?? 0}`)
      if (kind === 'a port') {
        await app.listen({ port: 0, host: '127.0.0.1' })
        place = { port: (app.server.address() as AddressInfo).port }
      } else {
        place = { path: join(folder.path, 'http.sock') }
        await app.listen(place)
      }
    })
    after(async () => {
      await closeApp(app)
      await folder[Symbol.asyncDispose]()
    })

    async function dial(): Promise<Socket> {
      const socket = connect('port' in place ? { ...place, host: '127.0.0.1' } : place)
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    }

    async function send(bytes: string | Buffer): Promise<Socket> {
      const socket = await dial()
      socket.write(bytes)
      return socket
    }

    const answersTo = async (bytes: string | Buffer) =>
      rawAnswers(await untilClosed(await send(bytes)))

    async function session(): Promise<ClientHttp2Session> {
      const socket = await dial()
      return connectHttp2('http://localhost', { createConnection: () => socket })
    }

    function curl(...args: string[]) {
      const where = 'port' in place ? [] : ['--unix-socket', place.path]
      const port = 'port' in place ? `:${place.port}` : ''
      return run('curl', ['-sS', ...where, ...args, `http://127.0.0.1${port}/`])
    }

    it('speaks HTTP/1.1 or HTTP/2, as the first bytes of a connection say', async () => {
      assert.equal((await curl('--http1.1')).stdout, '1.1')
      assert.equal((await curl('--http2-prior-knowledge')).stdout, '2.0')
      assert.equal((await curl('--http1.1', '-d', 'abc')).stdout, '3')
      assert.equal((await curl('--http2-prior-knowledge', '-d', 'abc')).stdout, '3')
    })

    it('does not change the version of a connection', async () => {
      assert.equal((await curl('--http2')).stdout, '1.1')
    })

    it('accepts a preface that is split anywhere', async () => {
      const headers = hpack({
        ':method': 'GET',
        ':scheme': 'http',
        ':authority': 'x',
        ':path': '/',
      })
      const ask = frame(FRAME.HEADERS, END_HEADERS | 1, 1, headers)
      for (let split = 1; split < PREFACE.length; split++) {
        const socket = await send(PREFACE.subarray(0, split))
        await new Promise(setImmediate)
        socket.write(Buffer.concat([PREFACE.subarray(split), ask]))
        let received = ''
        while (!received.includes('2.0')) received += (await once(socket, 'data'))[0]
        socket.destroy()
      }
    })

    it('keeps connections of both versions for further requests', async () => {
      const http1 = await send(GET.replace('Connection: close\r\n', '').repeat(2) + GET)
      assert.deepEqual(
        rawAnswers(await untilClosed(http1)).map(({ status, body }) => [status, body]),
        [
          [200, '1.1'],
          [200, '1.1'],
          [200, '1.1'],
        ],
      )
      const client = await session()
      for (let count = 0; count < 3; count++)
        assert.equal((await http2(client, { ':path': '/' })).text, '2.0')
      client.close()
    })

    it('refuses requests that are not admitted', async () => {
      const [answer] = await answersTo(GET.replace('/', NOBODY))
      assert.equal(answer?.status, 401)
      const client = await session()
      assert.equal((await http2(client, { ':path': NOBODY })).status, 401)
      if (!client.closed) await once(client, 'close')
    })

    it('has the same framing rules as HTTPS', async () => {
      for (const wrong of ['Host: y\r\nHost: x', 'Host: x\r\nTransfer-Encoding: gzip, chunked']) {
        const [answer] = await answersTo(`POST / HTTP/1.1\r\n${wrong}\r\n\r\n`)
        assert.equal(answer?.status, 400)
      }
      const client = await session()
      const answer = await http2(client, { ':path': '/', ':authority': 'x', host: 'y' })
      assert.equal(answer.status, 400)
      client.destroy()
    })

    it('answers bytes that are not HTTP', async () => {
      for (const bytes of ['\x16\x03\x01\x02\0\x01\0\x01', 'PRI * HTTP/2.1\r\n\r\n']) {
        const [answer] = await answersTo(Buffer.from(bytes, 'latin1'))
        assert.deepEqual(
          [answer?.status, JSON.parse(answer?.body ?? '').code],
          [400, 'request_invalid'],
        )
      }
    })

    it('has deadlines', async () => {
      const before = cuts.length
      const silent = [await send(''), await send(PREFACE.subarray(0, 10))]
      const [headers, body] = await Promise.all([
        answersTo('GET / HTTP/1.1\r\nHost'),
        answersTo('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1'),
        ...silent.map(untilClosed),
      ])
      assert.deepEqual([headers[0]?.status, body[0]?.status], [408, 408])
      const client = await session()
      const stream = client.request({
        ':method': 'POST',
        ':path': '/',
        'content-type': 'text/plain',
      })
      const [late] = await once(stream, 'response')
      assert.equal(late[':status'], 408)
      client.destroy()
      assert.deepEqual(cuts.slice(before), Array(5).fill('request_timeout'))
    })

    it('has bounds for headers', async () => {
      const [answer] = await answersTo(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(300_000)}`)
      assert.equal(answer?.status, 431)
    })

    it('has bounds for floods of requests', async () => {
      const before = cuts.length
      const post = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
      await untilClosed(await send(post.repeat(2_000)))
      const headers = hpack({
        ':method': 'GET',
        ':scheme': 'http',
        ':authority': 'x',
        ':path': '/',
      })
      const flood = Array.from({ length: 1_000 }, (_, index) => [
        frame(FRAME.HEADERS, END_HEADERS | 1, 1 + 2 * index, headers),
        frame(FRAME.RST_STREAM, 0, 1 + 2 * index, Buffer.from([0, 0, 0, 8])),
      ])
      await untilClosed(await send(Buffer.concat([PREFACE, ...flood.flat()])))
      assert.deepEqual(cuts.slice(before), ['protocol_error', 'protocol_error'])
    })

    it('ends with its server', async () => {
      const other = createApp({
        settings: SETTINGS,
        ...UNLIMITED,
        trust: null,
        requestCert: true,
        onCut() {},
        log: pino({ level: 'silent' }),
      })
      await other.listen({ port: 0, host: '127.0.0.1' })
      const { port } = other.server.address() as AddressInfo
      const idle = connectHttp2(`http://127.0.0.1:${port}`)
      await once(idle, 'remoteSettings')
      const asked = request({ port, host: '127.0.0.1' }).end()
      const [response] = await once(asked, 'response')
      response.resume()
      await Promise.all([closeApp(other), once(idle, 'close')])
    })
  })

it('HTTP without TLS works on every address of a name', async () => {
  const app = createApp({
    settings: SETTINGS,
    ...UNLIMITED,
    trust: null,
    requestCert: true,
    onCut() {},
    log: pino({ level: 'silent' }),
  })
  await app.ready()
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  mock.method(dns, 'lookup', async () => addresses)
  syncBuiltinESMExports()
  const door = await listen(app.server, {
    door: 'device',
    address: { host: 'here.example', port: 0 },
    maxConnections: 10,
    meter: silentMeter,
    bind: (to) => app.listen(to),
  })
  mock.restoreAll()
  syncBuiltinESMExports()
  for (const { address } of addresses) {
    const socket = connect(door.port, address)
    socket.write('GARBAGE\r\n\r\n')
    const [answer] = rawAnswers(await untilClosed(socket))
    assert.equal(JSON.parse(answer?.body ?? '').code, 'request_invalid', address)
  }
  await closeApp(app)
  await door.close()
})
