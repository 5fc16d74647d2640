import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import {
  eventSource,
  http1,
  http2,
  http2Session,
  mqtt,
  mqttOverWebSocket,
} from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls, untilClosed } from '../support/raw.ts'

/** A drain time longer than any test may take, so that only a drain that ends early passes. */
const PATIENT = { drainSeconds: '3600' }
const HALF = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345'

async function start(settings: Record<string, string> = PATIENT) {
  const at = await startGateway({ acl: 'pattern readwrite #\n', settings })
  return { at, device: await at.pki.issue('device') }
}

/** A publish that the gateway has begun to read, without its second half. */
async function halfSent(at: TestGateway, device: Credentials) {
  const socket = await rawTls(at, device)
  // `100 Continue` shows that it is being read
  socket.write(HALF.replace('Host', 'Expect: 100-continue\r\nHost'))
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 100 Continue\r\n/)
  return socket
}

describe('a gateway that stops', () => {
  it('ends streams with a reconnection time, over HTTP/1.1 and HTTP/2', async () => {
    const { at, device } = await start()
    await using _ = at
    const socket = await rawTls(at, device)
    socket.write('GET /topics/a HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n')
    await once(socket, 'readable')
    const session = http2Session(at, device)
    const stream = session.request({ ':path': '/topics/a', accept: 'text/event-stream' })
    await once(stream, 'response')
    const overHttp2 = Array.fromAsync(stream as AsyncIterable<Buffer>)
    const overHttp1 = untilClosed(socket)
    await at.gateway.drain()
    assert.match(await overHttp1, /\r\n\r\nretry: 2000\n\nretry: 2000\n\n$/)
    assert.equal(String(Buffer.concat(await overHttp2)), 'retry: 2000\n\nretry: 2000\n\n')
  })

  it('does not wait for idle connections', async () => {
    const { at, device } = await start()
    await using _ = at
    const agent = new Agent({ keepAlive: true })
    const { certificate: cert, key, ca } = device
    assert.equal((await http1(at, null, { path: '/whoami', agent, cert, key, ca })).status, 200)
    assert.equal(Object.values(agent.freeSockets).flat().length, 1)
    const session = http2Session(at, device)
    assert.equal((await http2(session, { ':path': '/whoami' })).status, 200)
    using events = await eventSource(at, device, '/topics/a')
    const clients = [
      await mqtt(at, device),
      await mqttOverWebSocket(at, device, { clientId: 'other' }),
    ]
    const ends = clients.map(
      (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
    )
    const allEnded = Promise.all([...ends, events.ended(), once(session, 'close')])
    await at.gateway.drain()
    await allEnded
  })

  it('finishes requests in flight, and then closes their connections', async () => {
    const { at, device } = await start()
    await using _ = at
    const { certificate: cert, key, ca } = device
    const agent = new Agent({ keepAlive: true })
    const sent = request({
      host: '127.0.0.1',
      port: at.ports.device,
      method: 'POST',
      path: '/topics/a?retain=true',
      agent,
      cert,
      key,
      ca,
      headers: { expect: '100-continue' },
    })
    sent.write('first half, ')
    await once(sent, 'continue')
    const session = http2Session(at, device)
    const stream = session.request({
      ':method': 'POST',
      ':path': '/topics/b',
      expect: '100-continue',
    })
    stream.write('first half, ')
    await once(stream, 'continue')
    const draining = at.gateway.drain()
    await notReady(at)
    sent.end('second half')
    stream.end('second half')
    const [[response], [headers]] = await Promise.all([
      once(sent, 'response'),
      once(stream, 'response'),
    ])
    stream.resume()
    response.resume()
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers.connection, 'close')
    assert.equal(headers[':status'], 200)
    await draining
  })

  it('reports that it is not ready, and accepts no connections', async () => {
    const { at, device } = await start()
    await using _ = at
    const busy = await halfSent(at, device)
    const draining = at.gateway.drain()
    const { status, checks } = await notReady(at)
    assert.equal(status, 'failing')
    assert.deepEqual(
      { ...checks, draining: typeof checks.draining },
      {
        doors: 'ok',
        broker: 'ok',
        store: 'ok',
        certificates: 'ok',
        draining: 'string',
        files: 'ok',
      },
    )
    assert.notEqual(checks.draining, 'ok')
    assert.equal((await fetch(`http://127.0.0.1:${at.ports.ops}/livez`)).status, 200)
    for (const door of ['device', 'mqtt', 'viewer'] as const) {
      const socket = connect(at.ports[door], '127.0.0.1')
      await assert.rejects(once(socket, 'connect'), { code: 'ECONNREFUSED' }, door)
    }
    busy.write('67890')
    assert.match(await untilClosed(busy), /^HTTP\/1\.1 200 OK\r\n/)
    await draining
  })

  it('does not wait forever for a request that never ends', async () => {
    const { at, device } = await start({ drainSeconds: '1' })
    await using _ = at
    const busy = await halfSent(at, device)
    await at.gateway.drain()
    assert.equal(await untilClosed(busy), '')
  })
})

/** Resolves with the first answer of /readyz that is not 200. */
async function notReady({ ports }: TestGateway) {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${ports.ops}/readyz`)
    const body = (await response.json()) as { status: string; checks: Record<string, string> }
    if (response.status === 503) return body
  }
}
