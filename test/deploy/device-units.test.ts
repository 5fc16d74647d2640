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

/** Each unit, and its highest exposure by `systemd-analyze security`, in tenths. */
const UNITS = [
  ['deploy/device/wott-device.service', 25],
  ['deploy/systemd/wott-gateway-enrol.service', 13],
] as const

for (const [file, exposure] of UNITS)
  test(`${file} is well-formed, and leaves little exposed`, async () => {
    await using folder = await temporaryFolder()
    const unit = await readFile(join(ROOT, file), 'utf8')
    const path = join(folder.path, file.split('/').at(-1) as string)
    // it looks for the program, which is not installed here
    await writeFile(path, unit.replace(/\/usr\/local\/bin\/wott-\w+/, '/bin/true'))
    assert.equal((await analyze('verify', '--man=no', path)).stderr, '')
    await analyze('security', '--offline=true', `--threshold=${exposure}`, path)
  })

test('the timer starts the unit of its name, hourly and not on the hour', async () => {
  await using folder = await temporaryFolder()
  for (const name of ['wott-device.service', 'wott-device.timer']) {
    const text = await readFile(join(ROOT, 'deploy/device', name), 'utf8')
    await writeFile(
      join(folder.path, name),
      text.replace('/usr/local/bin/wott-device', '/bin/true'),
    )
  }
  const timer = join(folder.path, 'wott-device.timer')
  assert.equal((await analyze('verify', '--man=no', timer)).stderr, '')
  assert.match(await readFile(timer, 'utf8'), /^OnCalendar=hourly\n#.*\nRandomizedDelaySec=1h$/m)
})

test('75 is no failure, for systemd and for cron', async () => {
  const folder = join(ROOT, 'deploy/device')
  assert.match(
    await readFile(join(folder, 'wott-device.service'), 'utf8'),
    /^SuccessExitStatus=75$/m,
  )
  const cron = await readFile(join(folder, 'wott-device.cron'), 'utf8')
  const [, command = ''] = /^17 \* \* \* \* root (.*)$/m.exec(cron) ?? []
  const ends = (code: number) =>
    promisify(execFile)('sh', ['-c', command.replace(/^\S+ renew/, `(exit ${code})`)])
  await ends(0)
  await ends(75)
  await assert.rejects(ends(1))
})

test('the enrol unit names only settings that there are', async () => {
  const known = new Set<string>(SETTING_NAMES.map(environmentName))
  const unit = await readFile(join(ROOT, 'deploy/systemd/wott-gateway-enrol.service'), 'utf8')
  const named = [...unit.matchAll(/\bWOTT_[A-Z_]+/g)].map(([name]) => name)
  assert.ok(named.length > 0)
  for (const name of named) assert.ok(known.has(name), name)
})
