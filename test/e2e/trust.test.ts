import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { Extension } from '../../src/ca/x509.ts'
import { readBlocks } from '../../src/x509/pem.ts'
import { type Made, makeCertificate, makeList, onlyFor } from '../support/certificates.ts'
import { eventSource, http1, http2Session, mqtt, mqttOverWebSocket } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls, untilClosed } from '../support/raw.ts'

const ACL = 'pattern readwrite #\n'

/** The credentials of a device for the test clients, with the CA certificates that it sends. */
function device({ pki }: TestGateway, made: Made, ...sent: Made[]): Credentials {
  const certificate = [made, ...sent].map((one) => one.certificate).join('')
  const files = { directory: '', caFile: '', certFile: '', keyFile: '' }
  const { key, serial } = made
  return { ...files, certificate, key, serial, ca: pki.authority.certificate, notAfter: 0 }
}

interface TrustText {
  readonly authorities?: Made[]
  readonly lists?: string[]
}

/** Installs these files. */
async function trust(at: TestGateway, { authorities, lists }: TrustText): Promise<void> {
  if (authorities) {
    const text = authorities.map(({ certificate }) => certificate).join('')
    await writeFile(join(at.pki.directory, 'gateway.d.wott.local', 'ca.crt'), text)
  }
  if (lists) await writeFile(at.pki.crlFile, lists.join(''))
  await at.gateway.reload()
}

/** Opens one connection of each kind; each promise resolves when its connection has ended. */
async function everyConnection(at: TestGateway, who: Credentials) {
  const closed = (client: { once(event: 'close', heard: () => void): unknown }) =>
    new Promise<void>((resolve) => client.once('close', resolve))
  const session = http2Session(at, who)
  session.request({ ':path': '/topics/a', accept: 'text/event-stream' }).on('error', () => {})
  await once(session, 'remoteSettings')
  const events = await eventSource(at, who, '/topics/a')
  const clients = [await mqtt(at, who), await mqttOverWebSocket(at, who)]
  let open = 4
  const ended = [closed(session), events.ended(), ...clients.map(closed)]
  for (const end of ended) void end.then(() => (open -= 1))
  return {
    ended: Promise.all(ended),
    get open() {
      return open
    },
    close() {
      session.destroy()
      events[Symbol.dispose]()
      for (const client of clients) client.end(true)
    },
  }
}

async function outcome(at: TestGateway, who: Credentials | null): Promise<string> {
  const { status, json } = await http1(at, who, { path: '/whoami' })
  return status === 200 ? json.id : json.code
}

async function readiness(at: TestGateway): Promise<Record<string, unknown>> {
  const response = await fetch(`http://127.0.0.1:${at.ports.ops}/readyz`)
  const { status, checks } = (await response.json()) as {
    status: string
    checks: Record<string, string>
  }
  return { code: response.status, status, ...checks }
}

describe('a change of trust', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ acl: ACL })
  })
  after(() => at[Symbol.asyncDispose]())

  it('ends every connection below a CA that is removed, and no other', async () => {
    const [old, next] = [await makeCertificate('Old'), await makeCertificate('Next')]
    const lists = [await makeList(old), await makeList(next)]
    await trust(at, { authorities: [old, next], lists })
    const leaf = (by: Made) => makeCertificate(`of-${by.name}`, { by, authority: false })
    const lost = await everyConnection(at, device(at, await leaf(old)))
    const kept = await everyConnection(at, device(at, await leaf(next)))
    await trust(at, { authorities: [next] })
    await lost.ended
    assert.equal(kept.open, 4)
    kept.close()
  })

  it('ends every connection below a CA that is revoked, and no other', async () => {
    const root = await makeCertificate('Root')
    const [bad, good] = await Promise.all(
      ['Bad', 'Good'].map((name) => makeCertificate(name, { by: root })),
    )
    assert.ok(bad && good)
    const lists = [await makeList(bad), await makeList(good)]
    await trust(at, { authorities: [root], lists })
    const leaf = (by: Made) => makeCertificate('device', { by, authority: false })
    const below = device(at, await leaf(bad), bad)
    const lost = await everyConnection(at, below)
    const kept = await everyConnection(at, device(at, await leaf(good), good))
    await trust(at, { lists: [...lists, await makeList(root, { revoked: [bad.serial] })] })
    await lost.ended
    assert.equal(kept.open, 4)
    kept.close()
    assert.equal(await outcome(at, below), 'certificate_revoked')
  })

  it('ends connections when their list expires, without any other change', async () => {
    const root = await makeCertificate('Root')
    const to = 3 / 86_400
    await trust(at, { authorities: [root], lists: [await makeList(root, { to })] })
    const who = device(at, await makeCertificate('device', { by: root, authority: false }))
    const lost = await everyConnection(at, who)
    await lost.ended
    const { code, certificates } = await readiness(at)
    assert.equal(code, 503)
    assert.match(String(certificates), /list of "Root" expired on/)
    await at.logged(({ msg }) => String(msg).startsWith('nobody can connect'))
  })

  it('revokes by issuer and serial number', async () => {
    const [a, b] = [await makeCertificate('A'), await makeCertificate('B')]
    const leaf = (by: Made) =>
      makeCertificate(`seven-of-${by.name}`, { by, authority: false, serial: '07' })
    const lists = [await makeList(a, { revoked: ['07'] }), await makeList(b)]
    await trust(at, { authorities: [a, b], lists })
    assert.equal(await outcome(at, device(at, await leaf(a))), 'certificate_revoked')
    assert.equal(await outcome(at, device(at, await leaf(b))), 'seven-of-B')
  })

  it('accepts devices with the list of their own CA only, in PEM or DER, and with one for end users', async () => {
    const root = await makeCertificate('Root')
    const issuing = await makeCertificate('Issuing', { by: root })
    const made = await makeCertificate('device', { by: issuing, authority: false })
    const gone = await makeCertificate('gone', { by: issuing, authority: false })
    const [good, bad] = [device(at, made, issuing), device(at, gone, issuing)]
    const extensions = [new Extension(...onlyFor('users'))]
    for (const list of [
      await makeList(issuing, { revoked: [gone.serial] }),
      await makeList(issuing, { revoked: [gone.serial], extensions }),
    ]) {
      await trust(at, { authorities: [root], lists: [list] })
      for (const form of ['PEM', 'DER']) {
        assert.equal(await outcome(at, good), 'device', form)
        assert.equal(await outcome(at, bad), 'certificate_revoked', form)
        await (await mqtt(at, good)).endAsync()
        const refused = await rawTls(at, bad, { door: 'mqtt' })
        assert.equal(await untilClosed(refused), '', form)
        assert.equal((await readiness(at)).status, 'ok', form)
        const [der] = readBlocks(Buffer.from(list), ['X509 CRL'])
        await writeFile(at.pki.crlFile, der as Buffer)
        await at.gateway.reload()
      }
    }
  })

  it('makes /readyz fail while every list is missing, which it names', async () => {
    const root = await makeCertificate('Root', { pathLength: 0 })
    const other = await makeCertificate('Other')
    await trust(at, { authorities: [root], lists: [await makeList(other)] })
    const who = device(at, await makeCertificate('device', { by: root, authority: false }))
    assert.equal(await outcome(at, who), 'certificate_untrusted')
    const { code, certificates } = await readiness(at)
    assert.equal(code, 503)
    assert.match(String(certificates), /no list signed by "Root"/)
    await trust(at, { lists: [await makeList(root)] })
    assert.equal((await readiness(at)).code, 200)
  })

  it('reports an expired CA, not the device', async () => {
    const late = await makeCertificate('Late CA', { from: -20, to: -1 })
    const fresh = await makeCertificate('Fresh CA')
    const lists = [await makeList(late), await makeList(fresh)]
    await trust(at, { authorities: [late], lists })
    const old = { authority: false, from: -10, to: -1 }
    const who = device(at, await makeCertificate('device', { by: late, ...old }))
    const { json } = await http1(at, who, { path: '/whoami' })
    assert.equal(json.code, 'certificate_untrusted')
    assert.match(json.detail, /The CA "Late CA".*was valid until/)
    const failing = await readiness(at)
    assert.equal(failing.code, 503)
    assert.match(String(failing.certificates), /"Late CA" was valid until/)
    // where another CA is valid, it is only reported
    await trust(at, { authorities: [late, fresh] })
    const degraded = await readiness(at)
    assert.deepEqual([degraded.code, degraded.status], [200, 'degraded'])
    assert.match(String(degraded.certificates), /"Late CA" was valid until/)
    const stranger = await makeCertificate('Strange CA')
    const strange = device(at, await makeCertificate('stranger', { by: stranger, ...old }))
    assert.equal(await outcome(at, strange), 'certificate_untrusted')
    const ours = device(at, await makeCertificate('device', { by: fresh, ...old }))
    assert.equal(await outcome(at, ours), 'certificate_expired')
  })

  it('treats a certificate of another CA with the same name as untrusted, also when it has expired', async () => {
    const root = await makeCertificate('Root')
    await trust(at, { authorities: [root], lists: [await makeList(root)] })
    const impostor = await makeCertificate('Root')
    const old = { authority: false, from: -10, to: -1 }
    const who = device(at, await makeCertificate('device', { by: impostor, ...old }))
    assert.equal(await outcome(at, who), 'certificate_untrusted')
  })

  it('allows a TLS session with an intermediate CA to be resumed', async () => {
    const root = await makeCertificate('Root')
    const issuing = await makeCertificate('Issuing', { by: root })
    await trust(at, { authorities: [root], lists: [await makeList(issuing)] })
    const made = await makeCertificate('device', { by: issuing, authority: false })
    const who = device(at, made, issuing)
    const socket = connect({
      host: 'localhost',
      port: at.ports.device,
      ca: who.ca,
      cert: who.certificate,
      key: who.key,
    })
    const [session] = await once(socket, 'session')
    socket.destroy()
    const again = await rawTls(at, who, { session })
    assert.equal(again.isSessionReused(), true)
    again.write('GET /whoami HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    assert.match(await untilClosed(again), /^HTTP\/1\.1 200 /)
  })

  it('logs no OpenSSL error where no certificate was sent', async () => {
    assert.equal(await outcome(at, null), 'certificate_required')
    const line = await at.logged(({ reason }) => reason === 'certificate_required')
    assert.equal(line.objection, undefined)
  })
})

describe('an expired list', () => {
  it('is still used with WOTT_CRL_EXPIRED=allow, which /readyz reports', async () => {
    await using at = await startGateway({ acl: ACL, settings: { crlExpired: 'allow' } })
    const root = await makeCertificate('Root')
    const [good, gone] = await Promise.all(
      ['good', 'gone'].map((name) => makeCertificate(name, { by: root, authority: false })),
    )
    assert.ok(good && gone)
    const late = await makeList(root, { to: -0.5, revoked: [gone.serial] })
    await trust(at, { authorities: [root], lists: [late] })
    assert.equal(await outcome(at, device(at, good)), 'good')
    assert.equal(await outcome(at, device(at, gone)), 'certificate_revoked')
    const { code, status, certificates } = await readiness(at)
    assert.deepEqual([code, status], [200, 'degraded'])
    assert.match(String(certificates), /list of "Root" expired on/)
  })
})

describe('a folder of CA certificates', () => {
  it('is read again when a file in it is edited in place', async () => {
    await using at = await startGateway({ acl: ACL })
    const folder = join(at.pki.directory, 'gateway.d.wott.local', 'ca.crt')
    execFileSync('rm', [folder])
    await mkdir(folder)
    const [old, next] = [await makeCertificate('Same'), await makeCertificate('Same')]
    await writeFile(join(folder, 'ours.pem'), old.certificate)
    execFileSync('openssl', ['rehash', folder])
    assert.equal((await readdir(folder)).length, 2)
    await trust(at, { lists: [await makeList(old), await makeList(next)] })
    const leaf = await makeCertificate('device', { by: old, authority: false })
    const events = await eventSource(at, device(at, leaf), '/topics/a')
    await writeFile(join(folder, 'ours.pem'), next.certificate)
    await events.ended()
  })
})

describe('a change that cannot be read because all file descriptors are in use', () => {
  it('is applied as soon as some are free, and logged and counted meanwhile', async () => {
    await using at = await startGateway({ acl: ACL })
    const who = await at.pki.issue('device')
    const lost = await everyConnection(at, who)
    const limit = (soft: number | string) => `prlimit --pid ${process.pid} --nofile=${soft}:`
    const hard = /Max open files\s+\d+\s+(\d+)/.exec(
      execFileSync('cat', [`/proc/${process.pid}/limits`], { encoding: 'utf8' }),
    )?.[1]
    // started before, as nothing can be started once the limit is low
    const shell = spawn(
      'sh',
      ['-c', `read _; ${limit(3)}; echo low; read _; ${limit(hard ?? '')}`],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    await at.pki.revoke(who.serial)
    shell.stdin.write('\n')
    await once(shell.stdout, 'data')
    const refused = await at.logged(({ msg }) =>
      String(msg).startsWith('certificate files not usable'),
    )
    assert.match(String(refused.reason), /EMFILE/)
    assert.equal(lost.open, 4)
    shell.stdin.write('\n')
    await lost.ended
    assert.equal((await readiness(at)).status, 'ok')
    assert.ok(((await at.metric('wott_descriptors_exhausted_total')) ?? 0) > 0)
    assert.equal(await at.metric('wott_reload_pending{file="certificates"}'), 0)
  })
})
