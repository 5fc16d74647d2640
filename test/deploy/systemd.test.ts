import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { loadConfig } from '../../src/config/load.ts'
import { environmentName, SETTING_NAMES } from '../../src/config/schema.ts'
import { temporaryFolder } from '../cli/program.ts'
import { ROOT } from './dockerfile.ts'

const analyze = (...args: string[]) => promisify(execFile)('systemd-analyze', args)
const unit = await readFile(join(ROOT, 'deploy/systemd/wott-gateway.service'), 'utf8')

/** Writes `text` to a unit file for `use`. */
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

test('the unit has an exposure of at most 1.3 on systemd’s scale of 10', async () => {
  const security = (text: string) =>
    inFile(text, (path) => analyze('security', '--offline=true', '--threshold=13', path))
  await security(unit)
  await assert.rejects(security(unit.replaceAll(/^SystemCallFilter=.*$/gm, '')))
})

test('the unit sets only existing settings', () => {
  const known = new Set<string>(SETTING_NAMES.map(environmentName))
  const named = [...unit.matchAll(/\bWOTT_[A-Z_]+/g)].map(([name]) => name)
  assert.ok(named.length > 0)
  for (const name of named) assert.ok(known.has(name), name)
})

test('the unit is always restarted after a crash, and ends by itself before it is killed', () => {
  assert.match(unit, /^\[Unit\]\n(?:.+\n)*StartLimitIntervalSec=0\n/m)
  const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(unit) ?? []
  assert.ok(Number(seconds) * 1000 > loadConfig({ WOTT_ACL_FILE: 'acl' }).process.drainMs)
})

test('a reload is a SIGHUP by the shell itself, without another program', async () => {
  const [, command = ''] = /^ExecReload=(.+)$/m.exec(unit) ?? []
  const [, shell = '', script = ''] = /^(\S+) -c '(.+)'$/.exec(command) ?? []
  const child = spawn('sleep', ['60'])
  const exited = once(child, 'exit')
  const text = script.replace(/\$\{MAINPID\}/, String(child.pid))
  await promisify(execFile)(shell, ['-c', text], { env: { PATH: '/nonexistent' } })
  assert.deepEqual(await exited, [null, 'SIGHUP'])
})
