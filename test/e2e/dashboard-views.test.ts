import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { barriersIn, openBrowser, type Visit, visit } from '../support/browser.ts'
import { mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const ACL = `user sensor
topic write #
user alice
topic read #
user bob
topic read kitchen/#
topic deny kitchen/safe
`

describe('the view of a viewer', () => {
  let at: TestGateway
  let browser: Awaited<ReturnType<typeof openBrowser>>
  let alice: Visit
  before(async () => {
    at = await startGateway({ acl: ACL })
    const client = await mqtt(at, await at.pki.issue('sensor'))
    for (const topic of ['kitchen/temperature', 'kitchen/safe', 'cellar/temperature'])
      await client.publishAsync(topic, '21.5', { qos: 1 })
    await client.endAsync()
    browser = await openBrowser(at.certificate)
    alice = await invited('alice')
  })
  after(async () => {
    await alice[Symbol.asyncDispose]()
    await browser[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
  })

  const home = () => `https://localhost:${at.ports.viewer}/`
  const invited = async (name: string, query = '', options = {}): Promise<Visit> => {
    const code = await inviteViewer(at.viewersFile, name, 3_600_000)
    return visit(browser, `${home()}${query}#invite=${code}`, options)
  }
  const counted = (page: Page, text: string) => page.locator(`#count:text-is("${text}")`).waitFor()
  const queryOf = (page: Page) => new URL(page.url()).search
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
  const focused = (page: Page) => page.evaluate<string>('document.activeElement.id')

  it('is the one they chose, also on another device, until they forget it', async () => {
    const { page } = alice
    await counted(page, '3 topics')
    assert.equal(await page.locator('#keep').isHidden(), true)
    await page.locator('#filter').fill('kitchen/#')
    await counted(page, '2 of 3 topics')
    await button(page, 'Make this my view').press('Enter')
    await page.locator('#kept:text-matches("^Stored: ")').waitFor()
    assert.equal(await focused(page), 'keep')
    assert.deepEqual(await barriersIn(page), [])

    const phone = { viewport: { width: 375, height: 740 } }
    await using second = await invited('alice', '', phone)
    await counted(second.page, '2 of 3 topics')
    assert.equal(queryOf(second.page), '?filter=kitchen%2F%23')
    await using other = await invited('bob')
    await counted(other.page, '1 topic')

    // shows everything, which a reload keeps, and then the view again
    await button(page, 'Everything').press('Enter')
    await counted(page, '3 topics')
    assert.equal(await focused(page), 'filter')
    await page.reload()
    await counted(page, '3 topics')
    await button(page, 'My view').click()
    await counted(page, '2 of 3 topics')
    // a link shows its own content, whatever the view
    await page.goto(`${home()}?filter=cellar`)
    await counted(page, '1 of 3 topics')
    await page.goto(home())
    await counted(page, '2 of 3 topics')
    await button(page, 'Forget my view').click()
    await page.locator('#kept:text-matches("^Forgotten: ")').waitFor()
    await page.goto(home())
    await counted(page, '3 topics')
    assert.deepEqual([...alice.problems, ...second.problems, ...other.problems], [])
  })

  it('may be a chart or a wall', async () => {
    const { page } = alice
    await page.goto(`${home()}?topic=cellar/temperature&range=600`)
    await page.locator('#chart-keep:text-is("Make this my view")').click()
    await page.locator('#chart-kept:text-matches("^Stored: ")').waitFor()
    await page.goto(home())
    await page.locator('#chart[open] #chart-title:text-is("cellar/temperature")').waitFor()
    await page.goto(`${home()}?filter=kitchen&wall`)
    await button(page, 'Make this my view').click()
    await page.locator('#kept:text-matches("^Stored: ")').waitFor()
    assert.equal(await page.locator('#keep').isVisible(), false)
    await page.goto(home())
    await page.locator('[data-view=wall] .card').nth(1).waitFor()
    assert.equal(queryOf(page), '?filter=kitchen&wall')
  })

  it('is not stored where it is too long, with a message', async () => {
    const { page } = alice
    await page.goto(`${home()}?filter=${'x'.repeat(2100)}`)
    await button(page, 'Make this my view').click()
    await page.locator('#kept:text-matches("at most 2048 characters")').waitFor()
  })

  it('reveals nothing: a chart shared by link names the topics that another viewer may not read', async () => {
    const shared = (...topics: string[]) =>
      `?${topics.map((topic) => `topic=${topic}&`).join('')}range=600`
    await using bob = await invited('bob', shared('kitchen/temperature', 'cellar/temperature'))
    const { page } = bob
    const note = page.locator('#chart[open] #chart-note')
    await note.filter({ hasText: 'You may not read cellar/temperature, which' }).waitFor()
    await page.locator('.u-legend .u-label:text-is("kitchen/temperature")').waitFor()
    for (const topic of ['kitchen/safe', 'cellar/temperature']) {
      await page.goto(home() + shared(topic))
      const missing = page.locator(`#missing:text-matches("^You may not read ${topic}, ")`)
      await missing.waitFor()
      assert.equal(await page.locator('#chart').getAttribute('open'), null)
    }
    await page.goto(home() + shared('kitchen/none'))
    await page.locator('#missing:text-matches("^There are no messages in kitchen/none")').waitFor()
    assert.deepEqual(bob.problems, [])
  })
})
