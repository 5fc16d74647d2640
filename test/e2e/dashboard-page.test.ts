import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { Page } from 'playwright-core'
import { barriersIn, type Visit } from '../support/browser.ts'
import { type DashboardSite, openDashboard } from '../support/dashboard.ts'

const MANY = 2000
const SENT = 1500

describe('the topics of the dashboard', () => {
  let site: DashboardSite
  let client: MqttClient
  let home: string
  let window: Visit
  before(async () => {
    site = await openDashboard(4)
    ;({ client, home, window } = site)
  })
  after(() => site[Symbol.asyncDispose]())

  const publish = (topic: string, payload = '1') => client.publishAsync(topic, payload, { qos: 1 })
  const open: DashboardSite['open'] = (...to) => site.open(...to)
  const live = (page: Page) => page.locator('#state[data-state=live]').waitFor()
  const names = (page: Page) => page.locator('.card .topic bdi').allTextContents()
  const counted = (page: Page, text: string) => page.locator(`#count:text-is("${text}")`).waitFor()

  it('show a hint at first, then the first topic', async () => {
    const { page } = window
    await live(page)
    await page.locator('#none:text-matches("^No readings yet")').waitFor()
    await publish('kitchen/door', 'open')
    await counted(page, '1 topic')
    assert.equal(await page.locator('#none').isHidden(), true)
  })

  it('can be filtered by words and MQTT wildcards, which the address keeps', async () => {
    for (const topic of ['cellar/door', 'kitchen/oven/temperature', 'kitchen/temperature'])
      await publish(topic)
    await using page = await open('')
    await counted(page, '4 topics')
    const filter = page.locator('#filter')
    for (const [text, expected] of [
      ['+/door', ['cellar/door', 'kitchen/door']],
      ['kitchen temp', ['kitchen/oven/temperature', 'kitchen/temperature']],
      ['+/+/temperature', ['kitchen/oven/temperature']],
      ['kitchen/# oven', ['kitchen/oven/temperature']],
    ] as const) {
      await filter.fill(text)
      await counted(page, `${expected.length} of 4 topics`)
      // at once, and in the order on the screen
      assert.deepEqual(await names(page), expected)
    }
    // the cards and the count change in the same frame
    const together = await page.evaluate<unknown[]>(`(() => {
      const filter = document.querySelector('#filter')
      filter.value = '+/door'
      filter.dispatchEvent(new Event('input'))
      const { textContent } = document.querySelector('#count')
      return [textContent, document.querySelectorAll('.card').length]
    })()`)
    assert.deepEqual(together, ['2 of 4 topics', 2])
    await filter.fill('kitchen/# oven')
    await page.reload()
    await counted(page, '1 of 4 topics')
    assert.equal(await filter.inputValue(), 'kitchen/# oven')
    await using typed = await open('?filter=+/door')
    await counted(typed, '2 of 4 topics')
  })

  it('have buttons that go down their levels and up again', async () => {
    await using page = await open('')
    const levels = page.locator('#levels button')
    await page.locator('#levels button:text-is("kitchen (3)")').click()
    await counted(page, '3 of 4 topics')
    assert.deepEqual(await levels.allTextContents(), [
      '↑ all',
      'door (1)',
      'oven (1)',
      'temperature (1)',
    ])
    await page.locator('#levels button:text-is("oven (1)")').click()
    await counted(page, '1 of 4 topics')
    assert.equal(new URL(page.url()).searchParams.get('filter'), 'kitchen/oven/#')
    await page.locator('#levels button:text-is("↑ all")').click()
    await counted(page, '4 topics')
  })

  it('are reached by keyboard in the order of the screen, in whatever order they came', async () => {
    await using page = await open('?filter=order/%23')
    await live(page)
    for (const name of ['c', 'a', 'd', 'b']) {
      await publish(`order/${name}`)
      await page.locator(`.card .topic bdi:text-is("order/${name}")`).waitFor()
    }
    assert.deepEqual(await names(page), ['order/a', 'order/b', 'order/c', 'order/d'])
    const focused = () =>
      page.evaluate<string>('document.activeElement.querySelector("bdi")?.textContent')
    await page.locator('.card').first().focus()
    await page.keyboard.press('ArrowRight')
    assert.equal(await focused(), 'order/b')
    // whoever is on a card stays on it when others come before and after
    for (const name of ['aa', 'e', '0']) {
      await publish(`order/${name}`)
      await page.locator(`.card .topic bdi:text-is("order/${name}")`).waitFor()
      assert.equal(await focused(), 'order/b')
    }
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'order/c')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    assert.equal(await focused(), 'order/aa')
  })

  it('are large on a wall, with all digits', async () => {
    await publish('wall/number', '1795690123.25')
    await publish('wall/long', '-12345678901234567890.125')
    await using page = await open('?filter=wall/%23', { width: 1920, height: 1080 })
    await counted(page, '2 of 13 topics')
    await page.locator('#wall').click()
    const sizes = () =>
      page.evaluate<{ font: number; cut: number; lines: number }>(`({
        font: Math.min(...[...document.querySelectorAll('.card .topic')].map((one) => parseFloat(getComputedStyle(one).fontSize))),
        lines: Math.max(...[...document.querySelectorAll('.card .value')].map((one) => one.clientHeight / parseFloat(getComputedStyle(one).lineHeight))),
        cut: [...document.querySelectorAll('.card .value')].filter((one) => one.scrollWidth > one.clientWidth || one.getBoundingClientRect().right > one.closest('.card').getBoundingClientRect().right).length,
      })`)
    assert.ok((await sizes()).font >= 20)
    assert.equal((await sizes()).cut, 0)
    assert.ok((await sizes()).lines < 1.1)
    assert.equal(new URL(page.url()).search, '?filter=wall%2F%23&wall')
    await page.reload()
    await page.locator('[data-view=wall] .card').first().waitFor()
    for (const width of [1180, 375]) {
      await page.setViewportSize({ width, height: 740 })
      await page.goto(`${home}?filter=wall/%23`)
      await page.locator('.card').nth(1).waitFor()
      assert.equal((await sizes()).cut, 0)
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width)
    }
  })

  it('may be 2,000 with 1,000 readings a second without a slow page', async () => {
    const at = (n: number) => `many/${n % 20}/${n}`
    await Promise.all(Array.from({ length: MANY }, (_, n) => publish(at(n), '0')))
    await using page = await open(`?topic=${encodeURIComponent(at(0))}&range=600`)
    await page.locator('#chart[open] #chart-note[data-state=ready]').waitFor()
    await counted(page, `${MANY + 13} topics`)
    const session = await page.context().newCDPSession(page)
    // the time that its thread computes, without the time that it waits for a processor
    await session.send('Performance.enable', { timeDomain: 'threadTicks' })
    const busy = async () => {
      const { metrics } = await session.send('Performance.getMetrics')
      return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Number.NaN
    }
    const [began, before] = [performance.now(), await busy()]
    let sent = 0
    while (sent < SENT) {
      const due = Math.min(SENT, Math.floor(performance.now() - began))
      for (; sent < due; sent++) client.publish(at((sent * 7) % MANY), String(sent), { qos: 0 })
      // half of them in the chart
      await publish(at(0), JSON.stringify(sent))
    }
    await publish(at(0), '"last"')
    await page.locator('#messages td:text-is(\'"last"\')').waitFor({ timeout: 10_000 })
    const seconds = (performance.now() - began) / 1000
    const part = ((await busy()) - before) / seconds
    assert.ok(part < 0.5, `the page computes ${(100 * part).toFixed(0)} % of the time`)
    await page.locator('#chart-close').click()
    assert.deepEqual(await barriersIn(page), [])
    assert.deepEqual(window.problems, [])
  })
})
