import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startDev } from '../cli/dev-gateway.ts'
import { openBrowser, visit } from '../support/browser.ts'

describe('the state of the dashboard', () => {
  it('is no longer Live within 30 s of a frozen gateway, and Live again without a lost message', async () => {
    await using dev = await startDev()
    const certificate = await readFile(join(dev.cwd, '.wott/certs/client.crt'), 'utf8')
    await using browser = await openBrowser(certificate)
    await using window = await visit(browser, 'about:blank')
    const { page } = window
    await page.clock.install()
    await page.goto((await dev.program.line(/#invite=/)).trim())
    const live = page.locator('#state[data-state=live]')
    await live.waitFor()
    const publish = (value: string) =>
      dev.pub('wott/temperature', value, '--certs', '.wott/devices/sensor', ...dev.via.https)
    await publish('1')
    await page.locator('.value:text-is("1")').waitFor()

    const { process } = dev.program
    process.kill('SIGSTOP')
    try {
      await page.clock.runFor(10_000)
      assert.equal(await live.count(), 1)
      await page.clock.runFor(20_000)
      const state = page.locator('#state[data-state=connecting]')
      assert.match((await state.textContent()) ?? '', /^Reconnecting since /)
    } finally {
      process.kill('SIGCONT')
    }
    await live.waitFor()
    await publish('2')
    await page.locator('.value:text-is("2")').waitFor()
    assert.equal(await page.locator('#gaps').isHidden(), true)
    assert.deepEqual(window.problems, [])
  })
})
