import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { http1 } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { rawTls, untilClosed } from '../support/raw.ts'
import { END_HEADERS, FRAME, frame, PREFACE } from '../support/raw-http2.ts'

const ACL = 'pattern readwrite #\n'
const END_STREAM = 1
const whoami = { path: '/whoami' }
const CUT = 'wott_connections_cut_total{door="device",reason="protocol_error"}'

describe('a device that floods a connection with requests', () => {
  it('and cancels them at once is disconnected before most of them are handled', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'), { ALPNProtocols: ['h2'] })
    // GET https://localhost/ in HPACK's own table: as many requests as fit into one read
    const headers = Buffer.from([0x82, 0x87, 0x84, 0x41, 9, ...Buffer.from('localhost')])
    const cancel = Buffer.from([0, 0, 0, 8])
    const flood = Array.from({ length: 20_000 }, (_, n) => [
      frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, headers),
      frame(FRAME.RST_STREAM, 0, 2 * n + 1, cancel),
    ]).flat()
    socket.write(Buffer.concat([PREFACE, ...flood]))
    await once(socket.resume(), 'close')
    assert.equal(await at.metric(CUT), 1)
    assert.ok(((await at.metric('wott_turns_awaited_total')) ?? 0) < 200)
    assert.equal((await http1(at, await at.pki.issue('other'), whoami)).status, 200)
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

  it('of a few at a time is answered', async () => {
    await using at = await startGateway({ acl: ACL })
    const socket = await rawTls(at, await at.pki.issue('device'))
    const request = 'GET /whoami HTTP/1.1\r\nhost: localhost\r\n'
    socket.write(`${`${request}\r\n`.repeat(19)}${request}connection: close\r\n\r\n`)
    assert.equal((await untilClosed(socket)).split('HTTP/1.1 200').length - 1, 20)
  })
})
