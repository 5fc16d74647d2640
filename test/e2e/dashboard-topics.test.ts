import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { type Folder, temporaryFolder } from '../cli/program.ts'
import { barriersIn, openBrowser, visit } from '../support/browser.ts'
import { http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const ACL = `user sensor
topic write #
user alice
topic read #
`
const TOPICS = `rooms/+/temperature  name "Temperature of %1" unit °C min 5 max 30 silence 2s
rooms/+/humidity  name "Humidity of %1" unit %
rooms/+/climate  field indoor.humidity name "Inside, %1" unit % max 80
`

describe('the dashboard with a topics file', () => {
  let folder: Folder
  let at: TestGateway
  let browser: Browser & AsyncDisposable
  before(async () => {
    folder = await temporaryFolder()
    const topicsFile = join(folder.path, 'topics')
    await writeFile(topicsFile, TOPICS)
    at = await startGateway({ acl: ACL, settings: { topicsFile } })
    browser = await openBrowser(at.certificate)
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  async function publish(topic: string, body: string): Promise<void> {
    const path = `/topics/${encodeURIComponent(topic)}`
    const { status } = await http1(at, await at.pki.issue('sensor'), { path, method: 'POST', body })
    assert.equal(status, 200)
  }
  const card = (page: Page, title: string) =>
    page.locator('.card').filter({ has: page.locator(`.topic bdi:text-is("${title}")`) })

  it('shows names, units, values beyond their limits and how long topics have been silent', async () => {
    await publish('rooms/hall/temperature', '31.5')
    await publish('rooms/hall/humidity', '55')
    await publish('other', '1')
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    await using window = await visit(
      browser,
      `https://localhost:${at.ports.viewer}/#invite=${code}`,
    )
    const { page } = window
    const temperature = card(page, 'Temperature of hall')
    await temperature.locator('.value:text-is("31.5 °C")').waitFor()
    assert.equal(await temperature.getAttribute('title'), 'rooms/hall/temperature')
    assert.equal(await temperature.locator('.mark').textContent(), 'above 30 °C')
    await temperature.locator('.ago:text-matches("^silent for [0-9]+ s$")').waitFor()
    assert.deepEqual(await barriersIn(page), [])

    await publish('rooms/hall/temperature', '4')
    await temperature.locator('.mark:text-is("below 5 °C")').waitFor()
    await temperature.locator('.ago:text-is("just now")').waitFor()
    await publish('rooms/hall/temperature', '20')
    await temperature.locator('.mark:text-is("")').waitFor({ state: 'attached' })

    assert.equal(await card(page, 'Humidity of hall').locator('.value').textContent(), '55 %')
    await publish('rooms/hall/climate', '{"indoor":{"humidity":81}}')
    await card(page, 'rooms/hall/climate').locator('.mark:text-is("above 80 %")').waitFor()
    const other = card(page, 'other')
    assert.equal(await other.locator('.value').textContent(), '1')
    assert.doesNotMatch((await other.locator('.ago').textContent()) ?? '', /silent/)

    await page.locator('#filter').fill('temperature of')
    await page.locator('#count:text-matches("^1 of")').waitFor()
    await temperature.click()
    await page.locator('.u-legend .u-label:text-is("Temperature of hall (°C)")').waitFor()
    assert.equal(await page.locator('#chart-title').textContent(), 'Temperature of hall')
    assert.deepEqual(window.problems, [])
  })
  it('names the fields of a chart that opens before the topics file is loaded', async () => {
    await publish('rooms/attic/climate', '{"indoor":{"humidity":50,"pressure":1013}}')
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    await using window = await visit(browser, 'about:blank')
    const { page } = window
    const names = Promise.withResolvers<void>()
    await page.route('**/topics-info', async (route) => {
      await names.promise
      await route.continue()
    })
    await page.goto(`https://localhost:${at.ports.viewer}/#invite=${code}`)
    await card(page, 'rooms/attic/climate').click()
    const field = page.locator('#fields li').first()
    await page.locator('#fields summary').click()
    await field.filter({ hasText: 'rooms/attic/climate indoor.humidity' }).waitFor()
    names.resolve()
    await field.filter({ hasText: 'Inside, attic (%)' }).waitFor()
  })
})
