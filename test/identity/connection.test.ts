import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Server, TLSSocket } from 'node:tls'
import { GatewayError } from '../../src/errors.ts'
import { createDeviceConnections, identityOf } from '../../src/identity/connection.ts'
import { loadTrust } from '../../src/identity/trust.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'

class FakeSocket extends EventEmitter {
  destroyed = false
  authorized = true
  authorizationError: unknown = null
  readonly certificate: X509Certificate | undefined
  constructor(who: Credentials | null) {
    super()
    this.certificate = who ? new X509Certificate(who.certificate) : undefined
  }
  getPeerX509Certificate() {
    return this.certificate
  }
  isSessionReused() {
    return false
  }
  destroy() {
    this.destroyed = true
    this.emit('close')
  }
}

let pki: Pki
let directory: string
let device: Credentials
let other: Credentials

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wott-connection-'))
  pki = await createPki(directory)
  device = await pki.issue('a')
  other = await pki.issue('b')
})
after(() => rm(directory, { recursive: true, force: true }))

async function open(context: TestContext) {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const server = new EventEmitter() as unknown as Server
  const { caFile, certFile, keyFile } = device
  const load = () => loadTrust({ caFile, certFile, keyFile, crlFile: pki.crlFile })
  let [trust, now] = [await load(), Date.now()]
  const connections = createDeviceConnections({
    pattern: /^\w+$/,
    trust: () => trust,
    now: () => now,
  })
  context.after(() => connections.close())
  connections.identify(server, 'device')
  return {
    server,
    connections,
    at: (time: number) => {
      now = time
    },
    async reload() {
      trust = await load()
      await connections.recheck()
    },
    connect(who: Credentials | null, more: object = {}): FakeSocket {
      const socket = Object.assign(new FakeSocket(who), more)
      server.emit('secureConnection', socket as unknown as TLSSocket)
      return socket
    },
  }
}

function nameOf(socket: object): string {
  const who = identityOf(socket)
  return who instanceof GatewayError ? who.code : who.id
}

describe('a connection', () => {
  it('has a name before anybody else hears of it', async (context) => {
    const { server, connect } = await open(context)
    const heard: string[] = []
    server.on('secureConnection', (socket) => heard.push(nameOf(socket)))
    connect(device)
    connect(null)
    assert.deepEqual(heard, ['a', 'certificate_required'])
  })

  it('that nobody has named is nobody’s', () => {
    assert.equal(nameOf({}), 'certificate_required')
    assert.equal(nameOf(new EventEmitter()), 'certificate_required')
  })

  it('is what OpenSSL objects to, even where nothing else does', async (context) => {
    const { connect } = await open(context)
    for (const objection of ['CERT_NOT_YET_VALID', 'whatever comes next', 'INVALID_PURPOSE'])
      assert.equal(
        nameOf(connect(device, { authorized: false, authorizationError: objection })),
        'certificate_untrusted',
      )
  })

  it('ends with its certificate', async (context) => {
    const { at, connect } = await open(context)
    const socket = connect(device)
    at(device.notAfter - 1)
    context.mock.timers.tick(1000)
    assert.equal(socket.destroyed, false)
    at(device.notAfter)
    context.mock.timers.tick(1000)
    assert.equal(socket.destroyed, true)
  })

  it('ends when its certificate is revoked, at the next recheck, and no other does', async (context) => {
    const { connect, reload } = await open(context)
    const [bad, good] = [connect(device), connect(other)]
    await pki.revoke(device.serial)
    await reload()
    await pki.revoke()
    assert.deepEqual([bad.destroyed, good.destroyed], [true, false])
  })

  it('without a name ends by itself, asked for or not', async (context) => {
    const { connect } = await open(context)
    const [nobody, somebody] = [connect(null), connect(device)]
    context.mock.timers.tick(29_999)
    assert.equal(nobody.destroyed, false)
    context.mock.timers.tick(1)
    assert.deepEqual([nobody.destroyed, somebody.destroyed], [true, false])
  })
})
