import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { http1 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { rawTls, untilClosed } from '../support/raw.ts'
import { END_HEADERS, END_STREAM, FRAME, frame, PONG, PREFACE } from '../support/raw-http2.ts'

const ACL = 'pattern readwrite #\n'
const whoami = { path: '/whoami' }
const CUT = 'wott_connections_cut_total{door="device",reason="protocol_error"}'

// GET https://localhost/ in HPACK's own table: as many requests as fit into one read
const HEADERS = Buffer.from([0x82, 0x87, 0x84, 0x41, 9, ...Buffer.from('localhost')])
const CANCEL = Buffer.from([0, 0, 0, 8])
const request = (n: number) => frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, HEADERS)
const cancel = (n: number) => frame(FRAME.RST_STREAM, 0, 2 * n + 1, CANCEL)

describe('a device that floods a connection with requests', () => {
  it('and cancels them at once is disconnected before most of them are handled', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'), { ALPNProtocols: ['h2'] })
    const flood = Array.from({ length: 20_000 }, (_, n) => [request(n), cancel(n)]).flat()
    socket.write(Buffer.concat([PREFACE, ...flood]))
    await once(socket.resume(), 'close')
    assert.equal(await at.metric(CUT), 1)
    assert.ok(((await at.metric('wott_turns_awaited_total')) ?? 0) < 200)
    assert.equal((await http1(at, await at.pki.issue('other'), whoami)).status, 200)
  })

  it('and cancels those that are answered may do so a thousand times, as browsers do after 304', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'), { ALPNProtocols: ['h2'] })
    socket.write(PREFACE)
    let answers = Buffer.alloc(0)
    const ended = once(socket, 'close')
    socket.on('data', (bytes: Buffer) => {
      answers = Buffer.concat([answers, bytes])
      socket.emit('answers')
    })
    /** Resolves when the gateway has read everything before, or has ended the connection. */
    async function isOpen(): Promise<boolean> {
      answers = Buffer.alloc(0)
      socket.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8)))
      while (!socket.closed && !answers.includes(PONG))
        await Promise.race([once(socket, 'answers'), ended])
      return !socket.closed
    }
    const AT_ONCE = 50
    let cancelled = 0
    while (await isOpen()) {
      const numbers = Array.from({ length: AT_ONCE }, (_, n) => cancelled + n)
      socket.write(Buffer.concat(numbers.map(request)))
      await isOpen()
      socket.write(Buffer.concat(numbers.map(cancel)))
      cancelled += AT_ONCE
    }
    assert.ok(cancelled > 1_000 && cancelled < 5_000, `${cancelled} requests`)
    assert.equal(await at.metric(CUT), 1)
  })

  it('and reads none of the answers is disconnected when twenty are waiting', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'))
    const { stackTraceLimit } = Error
    socket.write('GET /whoami HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(5_000))
    const answers = (await untilClosed(socket)).split('HTTP/1.1 200').length - 1
    assert.ok(answers <= 20, `${answers} answers`)
    assert.equal(await at.metric(CUT), 1)
    assert.equal(Error.stackTraceLimit, stackTraceLimit)
    assert.equal((await http1(at, await at.pki.issue('other'), whoami)).status, 200)
  })

  it('with a thousand header fields is refused before they are all read', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device')
    const fieldsIn: number[] = []
    const noted = (message: unknown) => {
      const { request } = message as { readonly request: IncomingMessage }
      fieldsIn.push(Object.keys(request.headers).length)
    }
    subscribe('http.server.request.start', noted)
    for (const [others, status] of [
      [126, 200],
      [127, 431],
      [1_000, 431],
    ] as const) {
      const fields = Array.from({ length: others }, (_, n) => `${n}:\r\n`).join('')
      const socket = await rawTls(at, device)
      const end = 'Host: localhost\r\nConnection: close\r\n\r\n'
      socket.write(`GET /whoami HTTP/1.1\r\n${fields}${end}`)
      const answer = await untilClosed(socket)
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      if (status === 431) assert.match(answer, /"headers_too_large"/)
    }
    unsubscribe('http.server.request.start', noted)
    assert.ok(
      fieldsIn.every((count) => count <= 129),
      `${fieldsIn}`,
    )
  })

  it('of a few at a time is answered', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'))
    const get = 'GET /whoami HTTP/1.1\r\nhost: localhost\r\n'
    socket.write(`${`${get}\r\n`.repeat(19)}${get}connection: close\r\n\r\n`)
    assert.equal((await untilClosed(socket)).split('HTTP/1.1 200').length - 1, 20)
  })
})
