import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Extension } from '../../src/ca/x509.ts'
import { readCertificate } from '../../src/x509/certificate.ts'
import { readLists } from '../../src/x509/crl.ts'
import { readBlocks } from '../../src/x509/pem.ts'
import { createRevocations } from '../../src/x509/revocation.ts'
import { openssl } from '../ca/openssl.ts'
import { makeCertificate, makeList, onlyFor } from '../support/certificates.ts'

describe('a revocation list', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-crl-'))
  })
  after(() => rm(directory, { recursive: true, force: true }))

  it('is verified by the key of its issuer, for every algorithm of OpenSSL', async () => {
    const at = (name: string) => join(directory, name)
    await writeFile(at('index'), 'R\t361231235959Z\t261123120000Z\t07\tunknown\t/CN=x\n')
    await writeFile(at('conf'), `[ca]\ndatabase = ${at('index')}\ndefault_md = sha256\n`)
    const run = async (...args: string[]) => {
      const { code, output } = await openssl(...args)
      assert.equal(code, 0, output)
    }
    const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32']
    for (const [kind, options, signing] of [
      ['rsa', ['rsa:2048'], []],
      ['pss', ['rsa:2048'], pss],
      ['sha512', ['rsa:2048'], ['-md', 'sha512']],
      ['p384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-md', 'sha384']],
      ['ed25519', ['ed25519'], []],
    ] as const) {
      const [key, certificate, list] = [at(`${kind}.key`), at(`${kind}.crt`), at(`${kind}.crl`)]
      await run(
        ...['req', '-x509', '-nodes', '-newkey', ...options, '-subj', '/O=Some/CN=List  CA'],
        ...['-keyout', key, '-out', certificate],
      )
      await run(
        ...['ca', '-config', at('conf'), '-name', 'ca', '-gencrl', '-crldays', '7', ...signing],
        ...['-keyfile', key, '-cert', certificate, '-out', list],
      )
      const [der] = readBlocks(await readFile(certificate), ['CERTIFICATE']) as [Buffer]
      const issuer = readCertificate(der)
      const [read] = readLists(await readFile(list))
      assert.ok(read)
      assert.equal(read.issuerName, 'List  CA')
      const { hasListOf, stateOf } = createRevocations([read])
      assert.equal(hasListOf(issuer), true, kind)
      const device = { ...issuer, serial: '07', isAuthority: false }
      assert.equal(stateOf(device, issuer, Date.now()).state, 'revoked')
      assert.equal(stateOf({ ...device, serial: '08' }, issuer, Date.now()).state, 'good')
      const other = { ...read, signature: { ...read.signature, signed: Buffer.from('x') } }
      assert.equal(createRevocations([other]).hasListOf(issuer), false, kind)
    }
  })

  it('may be DER', async () => {
    const root = await makeCertificate('Root')
    const pem = await makeList(root, { revoked: ['07'] })
    const [der] = readBlocks(Buffer.from(pem), ['X509 CRL']) as [Buffer]
    assert.deepEqual(readLists(der), readLists(Buffer.from(pem)))
    assert.equal(readLists(Buffer.concat([der, der])).length, 2)
  })

  it('is found by the name of its issuer, in any encoding', async () => {
    const root = await makeCertificate('Root  CA')
    const list = readLists(Buffer.from(await makeList({ ...root, name: 'root ca' })))
    assert.equal(createRevocations(list).hasListOf(readCertificate(root.der)), true)
  })

  it('is refused if it is incomplete in an unknown way', async () => {
    const root = await makeCertificate('Root')
    const read = async (...extensions: Extension[]) =>
      readLists(Buffer.from(await makeList(root, { extensions })))
    const point = (...bytes: number[]) =>
      new Extension('2.5.29.28', true, Uint8Array.from([0x30, bytes.length, ...bytes]))
    await assert.rejects(
      read(new Extension('2.5.29.27', true, Uint8Array.from([2, 1, 1]))),
      /delta/,
    )
    await assert.rejects(read(point(0x84, 1, 0xff)), /indirect/)
    await assert.rejects(read(point(0x83, 2, 6, 0x40)), /some reasons/)
    await assert.rejects(read(new Extension('1.2.3', true, Uint8Array.from([5, 0]))), /1\.2\.3/)
    assert.equal((await read(new Extension(...onlyFor('users'))))[0]?.scope, 'users')
  })

  it('with distribution points is for certificates that name one of them', async () => {
    const root = await makeCertificate('Root')
    const uri = Buffer.from('http://x/1')
    const names = [0xa0, uri.length + 2, 0x86, uri.length, ...uri]
    const name = [0xa0, names.length, ...names]
    const point = new Extension('2.5.29.28', true, Uint8Array.from([0x30, name.length, ...name]))
    const named = new Extension(
      '2.5.29.31',
      false,
      Uint8Array.from([0x30, name.length + 2, 0x30, name.length, ...name]),
    )
    const lists = readLists(Buffer.from(await makeList(root, { extensions: [point] })))
    const issuer = readCertificate(root.der)
    const stateOf = async (extensions: Extension[]) => {
      const { der } = await makeCertificate('device', { by: root, authority: false, extensions })
      return createRevocations(lists).stateOf(readCertificate(der), issuer, Date.now()).state
    }
    assert.equal(await stateOf([named]), 'good')
    assert.equal(await stateOf([]), 'UNABLE_TO_GET_CRL')
  })
})
