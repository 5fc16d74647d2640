import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { environmentName, SETTING_NAMES } from '../../src/config/schema.ts'
import { temporaryFolder } from '../cli/program.ts'
import { ROOT } from './dockerfile.ts'

const analyze = (...args: string[]) => promisify(execFile)('systemd-analyze', args)
const unit = await readFile(join(ROOT, 'deploy/systemd/wott-gateway.service'), 'utf8')

/** `text` as a unit file of its own. */
async function inFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'wott-gateway.service')
  await writeFile(path, text)
  return await use(path)
}

test('the unit is well-formed', async () => {
  const verify = (text: string) => inFile(text, (path) => analyze('verify', '--man=no', path))
  // it looks for the program, which is not installed here
  const { stderr } = await verify(unit.replace('/usr/local/bin/wott-gateway', '/bin/true'))
  assert.equal(stderr, '')
  const wrong = await verify(unit.replace('PrivateTmp', 'PrivateTemp')).catch((error) => error)
  assert.match(wrong.stderr, /PrivateTemp/)
})

test('the unit leaves next to nothing exposed: at most 1.3 on systemd’s scale of 10', async () => {
  const security = (text: string) =>
    inFile(text, (path) => analyze('security', '--offline=true', '--threshold=13', path))
  await security(unit)
  await assert.rejects(security(unit.replaceAll(/^SystemCallFilter=.*$/gm, '')))
})

test('the unit sets nothing that is no setting', () => {
  const known = new Set<string>(SETTING_NAMES.map(environmentName))
  const named = [...unit.matchAll(/\bWOTT_[A-Z_]+/g)].map(([name]) => name)
  assert.ok(named.length > 0)
  for (const name of named) assert.ok(known.has(name), name)
})
