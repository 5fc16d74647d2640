import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readCsr } from '../../src/ca/read-csr.ts'
import { temporaryDirectory } from './temporary.ts'

test('a key is the same with a compressed and an uncompressed point', async () => {
  await using directory = await temporaryDirectory()
  const file = (name: string) => join(directory.path, name)
  const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
  run('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('uncompressed'))
  run(
    ...['ec', '-in', file('uncompressed'), '-conv_form', 'compressed'],
    ...['-out', file('compressed')],
  )
  const read = async (form: string) => {
    const csr = file(`${form}.csr`)
    run('req', '-new', '-key', file(form), '-subj', '/CN=a', '-outform', 'DER', '-out', csr)
    const der = await readFile(csr)
    return { der, csr: await readCsr(der) }
  }
  const [one, other] = [await read('uncompressed'), await read('compressed')]
  assert.ok(other.der.length < one.der.length, 'both are written in the same form')
  assert.equal(other.csr.key, one.csr.key)
  assert.deepEqual(other.csr.publicKey, one.csr.publicKey)
})
