import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { UsageError } from '../../src/errors.ts'
import { loadDeviceTrust, loadTrust } from '../../src/identity/trust.ts'
import type { TrustFiles } from '../../src/identity/trust-files.ts'
import { openDeviceTrust, openTrust } from '../../src/identity/trust-source.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'

describe('the trust files', () => {
  let directory: string
  let pki: Pki
  let own: Credentials
  let files: TrustFiles

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-trust-'))
    pki = await createPki(directory)
    own = await pki.issue('gateway')
    const { caFile, certFile, keyFile } = own
    files = { caFile, certFile, keyFile, crlFile: pki.crlFile }
  })
  after(() => rm(directory, { recursive: true, force: true }))

  async function file(text: string): Promise<string> {
    const path = join(directory, `file-${Math.random().toString(36).slice(2)}`)
    await writeFile(path, text)
    return path
  }

  it('are read together', async () => {
    const trust = await loadTrust(files)
    assert.equal(trust.certificate.serial, own.serial)
    assert.equal(trust.authorities.all[0]?.notAfter, pki.authority.notAfter)
    assert.equal(trust.revocations?.lists[0]?.nextUpdate, pki.authority.notAfter)
    assert.equal(trust.context.minVersion, 'TLSv1.2')
  })

  it('are read with a byte order mark and CRLF, and OpenSSL gets all certificates too', async () => {
    const next = await createAuthority({ commonName: 'Next' })
    const text = `\ufeff${own.ca}${next.certificate}`.replaceAll('\n', '\r\n')
    const { authorities, context } = await loadTrust({ ...files, caFile: await file(text) })
    assert.deepEqual(
      authorities.all.map(({ subjectName }) => subjectName),
      ['WoTT device CA', 'Next'],
    )
    assert.equal(String(context.ca).split('BEGIN').length, 3)
  })

  it('may lack a revocation list', async () => {
    const { crlFile: _, ...rest } = files
    const trust = await loadTrust(rest)
    assert.equal(trust.revocations, null)
    assert.equal(trust.context.crl, undefined)
  })

  it('may be a folder of CA certificates, which OpenSSL finds by hash', async () => {
    const folder = await mkdtemp(join(directory, 'capath-'))
    const loading = () => loadTrust({ ...files, caFile: folder })
    const text = await readFile(own.caFile, 'utf8')
    await writeFile(join(folder, 'ours.pem'), text)
    await assert.rejects(loading, /no file in this folder has a hash name/)
    execFileSync('openssl', ['rehash', folder])
    await writeFile(join(folder, 'README'), 'not one of them')
    assert.equal((await loading()).context.ca, text)
  })

  it('are refused by name when one is invalid', async () => {
    const other = await pki.issue('other')
    const locked = join(directory, 'locked.key')
    execFileSync('openssl', [
      ...['pkcs8', '-topk8', '-in', own.keyFile, '-out', locked, '-passout', 'pass:secret'],
    ])
    const truncated = own.certificate.slice(0, 200)
    const damaged = own.certificate.replace(/^M.{20}/m, 'MIIAAAAAAAAAAAAAAAAAA')
    const wrong: [keyof TrustFiles, string, RegExp][] = [
      ['caFile', join(directory, 'none'), /no such file/],
      ['caFile', await file(''), /no PEM certificate/],
      ['certFile', await file(truncated), /starts in line 1 has no END line/],
      ['certFile', await file(damaged), /cannot be read/],
      [
        'caFile',
        await file(own.ca.trimEnd() + own.ca),
        /line \d+ ends one block and starts the next/,
      ],
      [
        'certFile',
        await file(own.certificate.replace(/^/, ' ')),
        /line 1 has a BEGIN or END marker/,
      ],
      ['keyFile', other.keyFile, /does not belong to the certificate/],
      ['keyFile', await file('x'), /no PEM private key/],
      ['keyFile', locked, /encrypted/],
      ['crlFile', await file(''), /BEGIN X509 CRL/],
      ['crlFile', join(directory, 'none'), /no such file/],
    ]
    for (const [name, path, reason] of wrong)
      await assert.rejects(loadTrust({ ...files, [name]: path }), (error: Error) => {
        assert.ok(error instanceof UsageError)
        assert.ok(error.message.startsWith(`${path}: `), error.message)
        assert.match(error.message, reason)
        assert.doesNotMatch(error.message, /PRIVATE KEY-----/)
        return true
      })
  })

  it('are reloaded once per change, and the last good ones stay in force', async () => {
    const problems: (Error | null)[] = []
    const seen: string[] = []
    const source = await openTrust(files, {
      meter: silentMeter,
      onReload: (problem) => problems.push(problem),
      watchIntervalMs: 3_600_000,
    })
    source.onChange(({ certificate }) => seen.push(certificate.serial))
    const next = await pki.issue('next')
    await writeFile(own.certFile, next.certificate)
    await source.reload()
    assert.equal(source.current.certificate.serial, own.serial)
    await writeFile(own.keyFile, next.key)
    // simultaneous requests share a load that begins after them
    await Promise.all([source.reload(), source.reload(), source.reload()])
    assert.equal(source.current.certificate.serial, next.serial)
    assert.deepEqual([...new Set(seen)], [next.serial])
    assert.ok(problems[0] instanceof UsageError)
    assert.equal(problems.at(-1), null)
    source.close()
  })

  it('are checked on request, where the gateway has no own certificate', async () => {
    const caFile = await file(pki.authority.certificate)
    const crlFile = await file('')
    await assert.rejects(loadDeviceTrust({ caFile, crlFile }), /BEGIN X509 CRL/)
    await copyFile(pki.crlFile, crlFile)
    const problems: (Error | null)[] = []
    const source = await openDeviceTrust({ caFile, crlFile }, (problem) => problems.push(problem))
    const before = source.current
    await source.reloadIfChanged()
    assert.equal(source.current, before)
    await writeFile(crlFile, 'broken')
    await source.reloadIfChanged()
    assert.equal(source.current, before)
    assert.match(source.failure() ?? '', /BEGIN X509 CRL/)
    await pki.revoke('2F')
    await copyFile(pki.crlFile, crlFile)
    await source.reloadIfChanged()
    assert.notEqual(source.current, before)
    assert.deepEqual(
      problems.map((problem) => problem instanceof UsageError),
      [true, false],
    )
  })
})
