import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Server, TLSSocket } from 'node:tls'
import { GatewayError } from '../../src/errors.ts'
import { createDeviceConnections, identityOf } from '../../src/identity/connection.ts'
import { loadTrust } from '../../src/identity/trust.ts'
import { type Made, makeCertificate, makeList } from '../support/certificates.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'

class FakeSocket extends EventEmitter {
  destroyed = false
  authorized = true
  authorizationError: unknown = null
  readonly certificate: X509Certificate | undefined
  constructor(who: Pick<Credentials, 'certificate'> | null) {
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

interface Files {
  readonly caFile: string
  readonly crlFile?: string | undefined
}

async function open(
  context: TestContext,
  files: Files = { caFile: device.caFile, crlFile: pki.crlFile },
) {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  const server = new EventEmitter() as unknown as Server
  const { certFile, keyFile } = device
  const load = () => loadTrust({ ...files, certFile, keyFile })
  let [trust, now, forgotten] = [await load(), Date.now(), 0]
  const connections = createDeviceConnections({
    pattern: /^\w+$/,
    trust: () => trust,
    now: () => now,
    mostRemembered: 2,
    onForgotten: () => {
      forgotten += 1
    },
  })
  context.after(() => connections.close())
  connections.identify(server, 'device')
  return {
    server,
    connections,
    forgotten: () => forgotten,
    at: (time: number) => {
      now = time
    },
    async reload() {
      trust = await load()
      await connections.recheck()
    },
    connect(who: Pick<Credentials, 'certificate'> | null, more: object = {}): FakeSocket {
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
  it('has its identity before any other listener sees it', async (context) => {
    const { server, connect } = await open(context)
    const heard: string[] = []
    server.on('secureConnection', (socket) => heard.push(nameOf(socket)))
    connect(device)
    connect(null)
    assert.deepEqual(heard, ['a', 'certificate_required'])
  })

  it('has no identity unless one was set', () => {
    assert.equal(nameOf({}), 'certificate_required')
    assert.equal(nameOf(new EventEmitter()), 'certificate_required')
  })

  it('is refused where OpenSSL objects, even if nothing else does', async (context) => {
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

  it('ends at the next recheck when its certificate is revoked, and no other does', async (context) => {
    const { connect, reload } = await open(context)
    const [bad, good] = [connect(device), connect(other)]
    await pki.revoke(device.serial)
    await reload()
    await pki.revoke()
    assert.deepEqual([bad.destroyed, good.destroyed], [true, false])
  })

  it('ends by itself without an identity, with or without requests', async (context) => {
    const { connect } = await open(context)
    const [nobody, somebody] = [connect(null), connect(device)]
    context.mock.timers.tick(29_999)
    assert.equal(nobody.destroyed, false)
    context.mock.timers.tick(1)
    assert.deepEqual([nobody.destroyed, somebody.destroyed], [true, false])
  })
})

const DAY_MS = 86_400_000
/** A socket whose certificate OpenSSL verified in an earlier handshake, but not now. */
const RESUMED = { isSessionReused: () => true }

describe('a remembered certificate', () => {
  /** A gateway that trusts `root` with `lists`, and a device that it has accepted and remembers. */
  async function remembering(
    context: TestContext,
    { root, lists, who }: { root: Made[]; lists?: string[]; who: Made },
  ) {
    const folder = await mkdtemp(join(directory, 'trust-'))
    const files = { caFile: join(folder, 'ca.crt'), crlFile: lists && join(folder, 'crl.pem') }
    const write = async (authorities: Made[], lists?: string[]) => {
      await writeFile(files.caFile, authorities.map((one) => one.certificate).join(''))
      if (lists && files.crlFile) await writeFile(files.crlFile, lists.join(''))
    }
    await write(root, lists)
    const at = await open(context, files)
    assert.equal(nameOf(at.connect(who)), who.name)
    return {
      ...at,
      async change(authorities: Made[], lists?: string[]) {
        await write(authorities, lists)
        await at.reload()
      },
      again: () => nameOf(at.connect(who, RESUMED)),
    }
  }

  it('is not verified again, and identifies each of its connections', async (context) => {
    const { connect } = await open(context)
    assert.equal(identityOf(connect(device)), identityOf(connect(device)))
    assert.equal(identityOf(connect(device)), identityOf(connect(device, RESUMED)))
  })

  it('is not confused with another one of the same name', async (context) => {
    const { connect } = await open(context)
    const next = await pki.issue('a')
    const [first, second] = [identityOf(connect(device)), identityOf(connect(next))]
    assert.ok('serial' in first && 'serial' in second)
    assert.deepEqual([first.serial, second.serial], [device.serial, next.serial])
  })

  it('is refused where OpenSSL objects to it', async (context) => {
    const { connect } = await open(context)
    assert.equal(nameOf(connect(device)), 'a')
    for (const authorizationError of ['UNABLE_TO_GET_ISSUER_CERT', 'CERT_HAS_EXPIRED'])
      assert.equal(
        nameOf(connect(device, { authorized: false, authorizationError })),
        authorizationError === 'CERT_HAS_EXPIRED' ? 'certificate_expired' : 'certificate_untrusted',
      )
  })

  it('is refused once it is revoked, and accepted once it is off the list', async (context) => {
    const root = await makeCertificate('root')
    const who = await makeCertificate('sensor', { by: root, authority: false })
    const at = await remembering(context, { root: [root], lists: [await makeList(root)], who })
    await at.change([root], [await makeList(root, { revoked: [who.serial] })])
    assert.equal(at.again(), 'certificate_revoked')
    await at.change([root], [await makeList(root)])
    assert.equal(at.again(), 'sensor')
  })

  it('is refused once its CA is replaced', async (context) => {
    const [root, other] = [await makeCertificate('root'), await makeCertificate('root')]
    const who = await makeCertificate('sensor', { by: root, authority: false })
    const at = await remembering(context, { root: [root], who })
    await at.change([other])
    assert.equal(at.again(), 'certificate_untrusted')
  })

  it('is refused once a CA above it is revoked', async (context) => {
    const root = await makeCertificate('root')
    const below = await makeCertificate('below', { by: root })
    const who = await makeCertificate('sensor', { by: below, authority: false })
    const lists = [await makeList(root), await makeList(below)]
    const at = await remembering(context, { root: [root, below], lists, who })
    await at.change(
      [root, below],
      [await makeList(root, { revoked: [below.serial] }), await makeList(below)],
    )
    assert.equal(at.again(), 'certificate_revoked')
  })

  it('is refused once it expires', async (context) => {
    const root = await makeCertificate('root')
    const who = await makeCertificate('sensor', { by: root, authority: false, to: 1 })
    const at = await remembering(context, { root: [root], who })
    const { validToDate } = new X509Certificate(who.certificate)
    at.at(validToDate.getTime() - 1)
    assert.equal(at.again(), 'sensor')
    at.at(validToDate.getTime())
    assert.equal(at.again(), 'certificate_expired')
  })

  it('is refused once a CA above it expires', async (context) => {
    const root = await makeCertificate('root', { to: 1 })
    const who = await makeCertificate('sensor', { by: root, authority: false, to: 5 })
    const at = await remembering(context, { root: [root], who })
    at.at(Date.now() + 2 * DAY_MS)
    assert.equal(at.again(), 'certificate_untrusted')
  })

  it('is refused once its list expires', async (context) => {
    const root = await makeCertificate('root')
    const who = await makeCertificate('sensor', { by: root, authority: false })
    const lists = [await makeList(root, { to: 1 })]
    const at = await remembering(context, { root: [root], lists, who })
    at.at(Date.now() + 2 * DAY_MS)
    assert.equal(at.again(), 'certificate_untrusted')
  })

  it('is refused if the clock is set back to before it is valid', async (context) => {
    const root = await makeCertificate('root', { from: -9 })
    const who = await makeCertificate('sensor', { by: root, authority: false, from: -1 })
    const at = await remembering(context, { root: [root], who })
    at.at(Date.now() - 2 * DAY_MS)
    assert.equal(at.again(), 'certificate_untrusted')
  })

  it('is forgotten when there are too many, which is counted, and verified again', async (context) => {
    const { connect, forgotten } = await open(context)
    const first = identityOf(connect(device))
    connect(other)
    assert.equal(forgotten(), 0)
    connect(await pki.issue('c'))
    assert.equal(forgotten(), 1)
    const again = identityOf(connect(device))
    assert.deepEqual(again, first)
    assert.notEqual(again, first)
  })
})
