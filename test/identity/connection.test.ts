import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import type { Server, TLSSocket } from 'node:tls'
import { GatewayError } from '../../src/errors.ts'
import { createDeviceConnections, identityOf } from '../../src/identity/connection.ts'

const NOON = Date.parse('2026-11-23T12:00:00Z')
const END = 'Nov 23 12:01:00 2026 GMT'

class FakeSocket extends EventEmitter {
  destroyed = false
  authorized = true
  authorizationError: unknown = null
  readonly certificate: object
  constructor(id: string | null) {
    super()
    this.certificate =
      id === null
        ? {}
        : { subject: { CN: id }, valid_to: END, serialNumber: id, fingerprint256: '' }
  }
  getPeerCertificate() {
    return this.certificate
  }
  destroy() {
    this.destroyed = true
    this.emit('close')
  }
}

function open(context: TestContext) {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const server = new EventEmitter() as unknown as Server
  const revoked = new Set<string>()
  let now = NOON
  const connections = createDeviceConnections({
    pattern: /^\w+$/,
    isRevoked: (serial) => revoked.has(serial),
    now: () => now,
  })
  context.after(() => connections.close())
  connections.identify(server)
  return {
    ...{ server, connections, revoked },
    at: (time: number) => {
      now = time
    },
    connect(id: string | null): FakeSocket {
      const socket = new FakeSocket(id)
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
  it('has a name before anybody else hears of it', (context) => {
    const { server, connect } = open(context)
    const heard: string[] = []
    server.on('secureConnection', (socket) => heard.push(nameOf(socket)))
    connect('a')
    connect(null)
    assert.deepEqual(heard, ['a', 'certificate_required'])
  })

  it('that nobody has named is nobody’s', () => {
    assert.equal(nameOf({}), 'certificate_required')
    assert.equal(nameOf(new EventEmitter()), 'certificate_required')
  })

  it('is what OpenSSL objects to', (context) => {
    const { server } = open(context)
    const socket = new FakeSocket('a')
    Object.assign(socket, { authorized: false, authorizationError: 'CERT_NOT_YET_VALID' })
    server.emit('secureConnection', socket as unknown as TLSSocket)
    assert.equal(nameOf(socket), 'certificate_untrusted')
  })

  it('ends with its certificate', (context) => {
    const { at, connect } = open(context)
    const socket = connect('a')
    at(NOON + 59_999)
    context.mock.timers.tick(1000)
    assert.equal(socket.destroyed, false)
    at(NOON + 60_000)
    context.mock.timers.tick(1000)
    assert.equal(socket.destroyed, true)
  })

  it('ends when its certificate is revoked, at the next recheck, and no other does', (context) => {
    const { connections, connect, revoked } = open(context)
    const [bad, good] = [connect('bad'), connect('good')]
    revoked.add('bad')
    connections.recheck()
    assert.deepEqual([bad.destroyed, good.destroyed], [true, false])
  })

  it('without a name ends by itself, asked for or not', (context) => {
    const { connect } = open(context)
    const [nobody, somebody] = [connect(null), connect('a')]
    context.mock.timers.tick(29_999)
    assert.equal(nobody.destroyed, false)
    context.mock.timers.tick(1)
    assert.deepEqual([nobody.destroyed, somebody.destroyed], [true, false])
  })
})
