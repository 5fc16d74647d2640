import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Authority, createAuthority } from '../../src/ca/authority.ts'
import { type IssueOptions, issue } from '../../src/ca/issue.ts'
import { DAY_MS } from '../../src/ca/validity.ts'
import { type Folder, type Options, run, temporaryFolder } from './program.ts'

let folder: Folder
let authority: Authority
before(async () => {
  folder = await temporaryFolder()
  authority = await createAuthority()
})
after(() => folder[Symbol.asyncDispose]())

/** Runs `whoami` in the folder of a device with such a certificate. */
async function whoami(name: string, certificate: IssueOptions, options: Options = {}) {
  const path = join(folder.path, name)
  await mkdir(path)
  const issued = await issue(authority, certificate)
  await writeFile(join(path, 'client.crt'), issued.certificate)
  return run(['whoami', path], options)
}

const REFUSED = 'wott-gateway: the gateway would refuse this certificate: '

describe('whoami names the device, and why the gateway would refuse its certificate:', () => {
  const commonName = 'kitchen.d.wott.local'

  it('expired', async () => {
    const notBefore = Date.now() - 3 * DAY_MS
    const { code, stdout, stderr } = await whoami('old', { commonName, days: 1, notBefore })
    assert.equal(stdout, `${commonName}\n`)
    assert.ok(
      stderr.startsWith(`${REFUSED}The client certificate has expired: it was valid until `),
      stderr,
    )
    assert.match(stderr, /\(certificate_expired\)\n$/)
    assert.equal(code, 1)
  })

  it('not valid yet', async () => {
    const notBefore = Date.now() + DAY_MS
    const { code, stdout, stderr } = await whoami('early', { commonName, days: 9, notBefore })
    assert.equal(stdout, `${commonName}\n`)
    assert.ok(stderr.startsWith(`${REFUSED}The client certificate is not valid before `), stderr)
    assert.equal(code, 1)
  })

  it('a CN that is not a WoTT ID', async () => {
    const { code, stdout, stderr } = await whoami('odd', { commonName: 'a b', names: [], days: 1 })
    assert.ok(stderr.startsWith(`${REFUSED}The client certificate has no valid WoTT ID`), stderr)
    assert.deepEqual([code, stdout], [1, ''])
  })

  it('two CNs', async () => {
    const two = await whoami('two', { commonName: ['a', 'b'], days: 1 })
    assert.match(two.stderr, /2 CNs/)
    assert.deepEqual([two.code, two.stdout], [1, ''])
  })

  it('not a CN that WOTT_ID_PATTERN allows', async () => {
    const odd = { commonName: 'a b', names: [], days: 1 }
    const env = { WOTT_ID_PATTERN: '^[a-z ]+$' }
    const allowed = { code: 0, stdout: 'a b\n', stderr: '' }
    assert.deepEqual(await whoami('allowed', odd, { env }), allowed)
    const wrong = await whoami('wrong', odd, { env: { WOTT_ID_PATTERN: 'a' } })
    assert.match(wrong.stderr, /^wott-gateway: WOTT_ID_PATTERN must be a regular expression /)
    assert.equal(wrong.code, 2)
  })
})
