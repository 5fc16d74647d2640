import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pino } from 'pino'
import { readCrl } from '../../src/ca/read-crl.ts'
import { type App, createApp } from '../../src/http/app.ts'
import { loadTrust, type Trust } from '../../src/identity/trust.ts'
import { UNLIMITED } from '../support/memory.ts'
import { createPki, type Pki } from '../support/pki.ts'
import { rawAnswers, rawTls, untilClosed } from '../support/raw.ts'

describe('a server that somebody keeps waiting', () => {
  let directory: string
  let pki: Pki
  let trust: Trust
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-server-'))
    pki = await createPki(directory)
    const { caFile, certFile, keyFile } = await pki.issue('gateway', { names: ['localhost'] })
    trust = await loadTrust({ caFile, certFile, keyFile }, readCrl)
  })
  after(() => rm(directory, { recursive: true, force: true }))

  function open(): App & { readonly server: Partial<Timeouts> } {
    const app = createApp({
      ...{ trust, requestCert: false, ...UNLIMITED },
      log: pino({ level: 'silent' }),
    })
    app.post('/', async () => 'ok')
    return app as App & { readonly server: Partial<Timeouts> }
  }

  it('waits half a minute for a request, and looks as often', () => {
    const { server } = open()
    assert.deepEqual(
      [server.headersTimeout, server.requestTimeout, server.connectionsCheckingInterval],
      [30_000, 30_000, 30_000],
    )
    assert.equal(server.keepAliveTimeout, 72_000)
  })

  it('answers 408 when the time is over, to headers and to a body that trickle', async () => {
    const app = open()
    Object.assign(app.server, { headersTimeout: 50, requestTimeout: 50 })
    app.server.connectionsCheckingInterval = 25
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const at = { ports: { device: port, mqtt: 0, viewer: 0, ops: 0 }, pki }
    for (const trickle of [
      'POST / HTTP/1.1\r\nHost: lo',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx',
      '',
    ]) {
      const socket = await rawTls(at, null)
      socket.write(trickle)
      const [answer] = rawAnswers(await untilClosed(socket))
      assert.equal(answer?.status, 408, trickle)
      assert.equal(JSON.parse(answer.body).code, 'request_timeout')
    }
    await app.close()
  })

  it('ends an HTTP/2 connection on which nothing happens, even in the middle of a request', () => {
    const { server } = open()
    const seen: (number | string)[] = []
    server.emit('session', {
      setTimeout(milliseconds: number, then: () => void) {
        seen.push(milliseconds)
        then()
      },
      destroy: () => seen.push('destroyed'),
    })
    assert.deepEqual(seen, [72_000, 'destroyed'])
  })
})

/** Of HTTP/1.1: Node's types do not know that its HTTP/2 server has them too. */
interface Timeouts {
  headersTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
  connectionsCheckingInterval: number
}
