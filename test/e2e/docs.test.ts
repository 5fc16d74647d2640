import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { barriersIn, openBrowser, visit } from '../support/browser.ts'
import { http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { ROOT } from '../support/generated.ts'

describe('/docs in Chromium', () => {
  let at: TestGateway
  let browser: Browser & AsyncDisposable
  before(async () => {
    at = await startGateway({
      acl: 'user sensor\ntopic write wott/#\nuser alice\ntopic read wott/#\n',
    })
    browser = await openBrowser(at.certificate)
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
  })

  const home = () => `https://localhost:${at.ports.viewer}`
  const operation = (page: Page, id: string) => page.locator(`.opblock[id$="-${id}"]`)
  const open = (page: Page, id: string) =>
    operation(page, id).locator('.opblock-summary-control').click()

  // one page for all: Swagger UI takes seconds to draw it
  it('shows every operation to everyone, and lets a viewer try those of the viewer door', async () => {
    await using window = await visit(browser, 'about:blank')
    const { page, problems } = window
    const errors: string[] = []
    const asked: string[] = []
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`${home()}/docs`)
    const operations = await readOperations()
    for (const { operationId } of operations) await operation(page, operationId).waitFor()
    assert.equal(await page.locator('.opblock').count(), operations.length)

    await logIn(page)
    await open(page, 'readRetainedMessage')
    const read = operation(page, 'readRetainedMessage')
    await read.locator('.try-out button').click()
    await read.locator('button.execute').click()
    const answer = read.locator('.live-responses-table .response')
    await answer.locator('.response-col_status:text-matches("200")').waitFor()
    assert.match(`${await answer.textContent()}`, /"payload": ?"MjEuNQ=="/)
    assert.deepEqual(await barriersIn(page), [])
    await page.emulateMedia({ colorScheme: 'dark' })
    assert.deepEqual(await barriersIn(page, { rules: ['color-contrast'] }), [])

    const ofOtherDoors = operations.filter(({ servers }) => servers !== undefined)
    const names = ofOtherDoors.map(({ operationId }) => operationId)
    assert.ok(names.includes('publish') && names.includes('getMetrics'), names.join(' '))
    for (const elsewhere of ['openStream', 'getMetrics']) {
      await open(page, elsewhere)
      await operation(page, elsewhere).locator('.responses-table').waitFor()
      assert.equal(await operation(page, elsewhere).locator('.try-out').count(), 0, elsewhere)
    }
    assert.deepEqual(
      asked.filter((url) => !url.startsWith(home()) && !url.startsWith('data:')),
      [],
    )
    assert.deepEqual([...problems, ...errors], [])
  })

  /** Publishes a reading, and logs in on a second page, which links to the first. */
  async function logIn(page: Page): Promise<void> {
    const sensor = await at.pki.issue('sensor')
    const path = '/topics/wott/temperature?retain=true'
    await http1(at, sensor, { path, method: 'POST', body: '21.5' })
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    const dashboard = await page.context().newPage()
    await dashboard.goto(`${home()}/#invite=${code}`)
    await dashboard.locator('#who:text-is("alice")').waitFor()
    await dashboard.locator('a[href="/docs"]').waitFor()
    await dashboard.close()
  }
})

interface Operation {
  readonly operationId: string
  readonly servers?: unknown
}

async function readOperations(): Promise<Operation[]> {
  const { paths } = JSON.parse(await readFile(join(ROOT, 'openapi/openapi.json'), 'utf8'))
  return Object.values<Record<string, Operation>>(paths).flatMap((path) => Object.values(path))
}
