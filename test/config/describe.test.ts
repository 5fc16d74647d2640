import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { describeSections } from '../../src/config/describe.ts'
import { loadConfig } from '../../src/config/load.ts'
import { SETTING_NAMES } from '../../src/config/schema.ts'
import { ROOT } from '../support/generated.ts'

const SETTINGS = describeSections().flatMap(({ settings }) => settings)

describe('files made from the settings', () => {
  it('.env.example has the defaults in the format of Node', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wott-env-'))
    const file = join(folder, '.env')
    const example = await readFile(join(ROOT, '.env.example'), 'utf8')
    await writeFile(file, example.replace(/^#(WOTT_)/gm, '$1'))
    const script = `const own = Object.entries(process.env).filter(([name]) => name.startsWith('WOTT_'))
      process.stdout.write(JSON.stringify(Object.fromEntries(own)))`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [`--env-file=${file}`, '-e', script],
      { env: {} },
    )
    await rm(folder, { recursive: true })
    const read: Record<string, string> = JSON.parse(stdout)
    assert.equal(Object.keys(read).length, SETTING_NAMES.length)
    const flags = { aclFile: 'permission.acl' }
    assert.deepEqual(loadConfig(read, flags), loadConfig({}, flags))
  })

  it('have each setting in one section', () => {
    const variables = SETTINGS.map(({ variable }) => variable)
    assert.equal(variables.length, SETTING_NAMES.length)
    assert.equal(new Set(variables).size, SETTING_NAMES.length)
  })

  it('have the meaning and the values of each setting', () => {
    for (const { variable, help, allowed, flag } of SETTINGS) {
      assert.match(help, /^\S.*[^.\s]$/, variable)
      assert.match(allowed, /^\S/, variable)
      assert.match(flag, /^--[a-z-]+ \S+$/, variable)
    }
  })
})
