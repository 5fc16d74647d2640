import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { pino } from 'pino'
import { createApp } from '../../src/http/app.ts'
import type { App } from '../../src/http/fastify.ts'
import { loadTrust, type Trust } from '../../src/identity/trust.ts'
import { HTTP_LIMITS } from '../support/http-limits.ts'
import { UNLIMITED } from '../support/memory.ts'
import { createPki } from '../support/pki.ts'
import { untilClosed } from '../support/raw.ts'

describe('a server with a slow client', () => {
  let directory: string
  let trust: Trust
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-server-'))
    const pki = await createPki(directory)
    const { caFile, certFile, keyFile } = await pki.issue('gateway', { names: ['localhost'] })
    trust = await loadTrust({ caFile, certFile, keyFile })
  })
  after(() => rm(directory, { recursive: true, force: true }))

  function open(): App & { readonly server: Partial<Timeouts> } {
    const app = createApp({
      ...HTTP_LIMITS,
      trust,
      requestCert: false,
      ...UNLIMITED,
      log: pino({ level: 'silent' }),
    })
    app.post('/', async () => 'ok')
    return app as App & { readonly server: Partial<Timeouts> }
  }

  it('waits half a minute for the headers of a request, and checks every second', () => {
    const { server } = open()
    assert.deepEqual(
      [server.headersTimeout, server.requestTimeout, server.connectionsCheckingInterval],
      [30_000, 0, 1_000],
    )
    assert.equal(server.keepAliveTimeout, 72_000)
  })

  it('ends an idle HTTP/1.1 connection after its time to be kept', async (t) => {
    const app = open()
    // the time that Node adds for requests on their way
    Object.assign(app.server, { keepAliveTimeout: 1, keepAliveTimeoutBuffer: 0 })
    await app.listen({ port: 0, host: '127.0.0.1' })
    t.after(() => app.close())
    const { port } = app.server.address() as AddressInfo
    const client = connect({ port, rejectUnauthorized: false })
    client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n')
    assert.match(await untilClosed(client), /^HTTP\/1.1 200 /)
  })

  it('ends an HTTP/2 connection 72 seconds after its last request, and none with a quiet stream', (context) => {
    context.mock.timers.enable({ apis: ['setInterval'] })
    let now = performance.now()
    context.mock.method(performance, 'now', () => now)
    const { server } = open()
    const ended: string[] = []
    const [quiet, over] = ['quiet', 'over'].map((name) => {
      const session = new EventEmitter()
      server.emit('session', Object.assign(session, { destroy: () => ended.push(name) }))
      const stream = new EventEmitter()
      session.emit('stream', stream)
      return { session, stream }
    })
    over?.stream.emit('close')
    for (const seconds of [72, 1000]) {
      now += seconds * 1000
      context.mock.timers.tick(1_000)
      assert.deepEqual(ended, seconds === 72 ? [] : ['over'])
    }
    for (const each of [over, quiet]) each?.session.emit('close')
  })
})

/** Timeouts of HTTP/1.1, which Node's HTTP/2 server has too, but not its types. */
interface Timeouts {
  headersTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
  connectionsCheckingInterval: number
}
