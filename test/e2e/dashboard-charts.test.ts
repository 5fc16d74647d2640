import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { Page } from 'playwright-core'
import type { Visit } from '../support/browser.ts'
import { type DashboardSite, openDashboard } from '../support/dashboard.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

describe('a chart', () => {
  let site: DashboardSite
  let client: MqttClient
  let window: Visit
  before(async () => {
    site = await openDashboard(5)
    ;({ client, window } = site)
    await window.page.locator('#state[data-state=live]').waitFor()
    await climate()
  })
  after(() => site[Symbol.asyncDispose]())

  const publish = (topic: string, payload: string, time?: number) =>
    client.publishAsync(topic, payload, {
      qos: 1,
      ...(time ? { properties: { userProperties: { time: new Date(time).toISOString() } } } : {}),
    })
  /** Publishes payloads with numbers, texts and a nested number for every 10 s of the last 5 minutes. */
  async function climate(): Promise<void> {
    for (let n = 30; n >= 0; n--)
      await publish(
        'hall/climate',
        JSON.stringify({ t: 20 + n, in: { 'h%': 50, door: n > 10 ? 'open' : 'closed' } }),
        Date.now() - n * 10 * SECOND,
      )
  }
  const open: DashboardSite['open'] = (...to) => site.open(...to)
  const ready = (page: Page) => page.locator('#chart[open] #chart-note[data-state=ready]').waitFor()
  const axis = async (page: Page) => {
    await page.locator('#plot[data-from]').waitFor()
    const [from, to] = await page.evaluate<[string, string]>(
      '[document.querySelector("#plot").dataset.from, document.querySelector("#plot").dataset.to]',
    )
    return { from: Date.parse(from), to: Date.parse(to) }
  }
  /** Waits until a condition is true; the CSP of the page forbids waitForFunction. */
  const until = async (page: Page, condition: string) => {
    while (!(await page.evaluate(condition)))
      await page.evaluate('new Promise(requestAnimationFrame)')
  }
  const isAbout = (time: number, expected: number, what: string) =>
    assert.ok(
      Math.abs(time - expected) < 20 * SECOND,
      `${what} is ${new Date(time)}, not ${new Date(expected)}`,
    )

  it('shows the chosen range also for a first reading', async () => {
    await publish('axis/first', '1')
    await using page = await open('?topic=axis/first&range=600')
    await ready(page)
    for (const seconds of [600, 86_400]) {
      await page.locator('#range').selectOption(String(seconds))
      await until(
        page,
        `(() => { const { from, to } = document.querySelector('#plot').dataset
          return Math.abs(Date.parse(to) - Date.parse(from) - ${seconds * SECOND}) < 1000 })()`,
      )
      const { from, to } = await axis(page)
      isAbout(to, Date.now(), 'its end')
      isAbout(from, Date.now() - seconds * SECOND, 'its beginning')
    }
  })

  it('draws no line across missing time', async () => {
    for (let n = 0; n < 20; n++) await publish('gap/a', '5', Date.now() - 9 * MINUTE + n * SECOND)
    for (let n = 20; n > 0; n--) await publish('gap/a', '5', Date.now() - n * SECOND)
    await using page = await open('?topic=gap/a&range=600')
    await ready(page)
    await page.locator('#plot canvas').waitFor()
    // whether a column of the plot has a pixel in the color of the line
    const isDrawn = (part: number) =>
      page.evaluate<boolean>(`(() => {
        const canvas = document.querySelector('#plot canvas')
        const over = document.querySelector('#plot .u-over')
        const scale = canvas.width / canvas.clientWidth
        const x = Math.round((over.offsetLeft + over.clientWidth * ${part}) * scale)
        const { data } = canvas.getContext('2d').getImageData(x, 0, 1, canvas.height)
        for (let n = 0; n < data.length; n += 4)
          if (data[n] < 60 && data[n + 1] > 120 && data[n + 2] < 160 && data[n + 3] > 100) return true
        return false
      })()`)
    assert.equal(await isDrawn(1 - (9 * 60 - 12) / 600), true)
    assert.equal(await isDrawn(0.5), false)
  })

  it('keeps its zoom and position while data arrives', async () => {
    await using page = await open('?topic=hall/climate&range=600')
    await ready(page)
    const over = page.locator('#plot .u-over')
    const box = await over.boundingBox()
    assert.ok(box)
    const chosen = await axis(page)
    const middle = box.y + box.height / 2
    await page.mouse.move(box.x + box.width * 0.5, middle)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.75, middle, { steps: 4 })
    await page.mouse.up()
    await page.locator('#fixed:not([hidden])').waitFor({ state: 'attached' })
    await until(
      page,
      `document.querySelector('#plot').dataset.from > '${new Date(chosen.from + MINUTE).toISOString()}'`,
    )
    const zoomed = await axis(page)
    isAbout(zoomed.from, chosen.from + 5 * MINUTE, 'the beginning')
    isAbout(zoomed.to, chosen.from + 7.5 * MINUTE, 'the end')
    await publish('hall/climate', '{"t":99}')
    await page.locator('#messages td:text-is(\'{"t":99}\')').waitFor()
    await ready(page)
    assert.deepEqual(await axis(page), zoomed)
    await page.locator('#earlier').click()
    const length = zoomed.to - zoomed.from
    await until(
      page,
      `document.querySelector('#plot').dataset.from < '${new Date(zoomed.from).toISOString()}'`,
    )
    const panned = await axis(page)
    assert.ok(Math.abs(zoomed.from - panned.from - length / 2) <= 2)
    // the link shows the same to somebody else
    await using other = await open(new URL(page.url()).search)
    await ready(other)
    assert.deepEqual(await axis(other), panned)
    await page.locator('#now').click()
    await until(page, `Date.parse(document.querySelector('#plot').dataset.to) > Date.now() - 20000`)
  })

  it('shows the fields of a JSON payload by their paths, with min, mean and max', async () => {
    const asked: string[] = []
    await using page = await open('')
    page.on('request', (request) => asked.push(new URL(request.url()).search))
    await page.locator('.card', { hasText: 'hall/climate' }).click()
    await ready(page)
    const labels = page.locator('.u-legend .u-series:not(:first-child) .u-label')
    assert.deepEqual(await labels.allTextContents(), ['hall/climate t', 'hall/climate in.h%'])
    assert.ok(asked.some((query) => query.includes('&field=in.h%25')))
    const row = page.locator('#summaries tr', { hasText: 'in.h%' }).locator('td')
    assert.deepEqual(await row.allTextContents(), ['hall/climate in.h%', '50', '50', '50', '31'])
  })

  it('shows texts as a timeline of states, also from the log', async () => {
    await using page = await open('?topic=hall/climate&range=600')
    await ready(page)
    const states = page.locator('.timeline-row', { hasText: 'in.door' }).locator('li')
    await states.nth(1).waitFor()
    assert.deepEqual(await states.allTextContents(), ['open', 'closed'])
    // time passes between two reads
    await page.locator('#pause').click()
    const [first, second] = await Promise.all([
      states.first().boundingBox(),
      states.last().boundingBox(),
    ])
    const over = await page.locator('#plot .u-over').boundingBox()
    assert.ok(first && second && over)
    // below the lines, with the same time axis
    assert.ok(Math.abs(second.x + second.width - over.x - over.width) < 3)
    assert.ok(Math.abs(first.x + first.width - second.x) < 2)
    await page.locator('#pause').click()
    await publish('hall/climate', '{"in":{"door":"ajar"}}')
    await states.getByText('ajar').waitFor()
  })

  it('shows eight of forty fields, says so, and lets the viewer choose', async () => {
    const fields = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`n${n}`, n]))
    await publish('forty', JSON.stringify(fields))
    await using page = await open('')
    const card = page.locator('.card', { hasText: 'forty' })
    await card.locator('.field', { hasText: '+ 35 more' }).waitFor()
    await card.click()
    await ready(page)
    const summary = page.locator('#fields summary')
    assert.equal(await summary.textContent(), 'Fields: 8 of 40 shown')
    await summary.click()
    await page.locator('#fields input[type=search]').fill('n39')
    await page.locator('#fields label', { hasText: 'n39' }).click()
    await page.locator('.u-legend .u-label:text-is("forty n39")').waitFor()
    assert.equal(await summary.textContent(), 'Fields: 9 of 40 shown')
    await using other = await open(new URL(page.url()).search)
    await ready(other)
    assert.equal(await other.locator('#fields summary').textContent(), 'Fields: 9 of 40 shown')
    await other.locator('.u-legend .u-label:text-is("forty n39")').waitFor()
  })

  it('loads in steps, the newest first, with a progress indicator', async () => {
    for (let n = 280; n > 0; n--) await publish('steps', String(n), Date.now() - n * 2 * SECOND)
    await using page = await open('')
    const held = Promise.withResolvers<void>()
    let steps = 0
    await page.route(
      (url) => url.searchParams.get('every') === '2s',
      async (route) => {
        steps += 1
        if (steps === 2) await held.promise
        await route.continue()
      },
    )
    await page.locator('.card', { hasText: 'steps' }).click()
    await page.locator('#range').selectOption('600')
    const progress = page.locator('#chart-progress:not([hidden])')
    await until(page, `document.querySelector('#chart-progress').value > 0.1`)
    assert.ok(
      Number(await progress.evaluate('document.querySelector("#chart-progress").value')) < 1,
    )
    await page.locator('#plot canvas').waitFor()
    held.resolve()
    await ready(page)
    assert.ok(steps >= 3)
    assert.equal(await progress.count(), 0)
    assert.equal(await page.locator('#summaries td:last-child').textContent(), '280')
  })

  it('is drawn with the next message if its library could not be loaded', async () => {
    await publish('retry', '1')
    await using page = await open('')
    await page.route('**/assets/uplot.js', (route) => route.abort())
    await page.locator('.card', { hasText: 'retry' }).click()
    await ready(page)
    assert.equal(await page.locator('#plot canvas').count(), 0)
    await page.unroute('**/assets/uplot.js')
    await publish('retry', '2')
    await page.locator('#plot canvas').waitFor()
  })

  it('offers its messages as CSV', async () => {
    await using page = await open('?topic=hall/climate&range=3600')
    await ready(page)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('#csv').click(),
    ])
    const lines = (await readFile(await download.path(), 'utf8')).split('\r\n')
    assert.match(lines[0] ?? '', /^id,time,topic,payload/)
    assert.ok(lines.length > 31)
  })

  it('fits a phone, without text that breaks after a few characters', async () => {
    await using page = await open('?topic=hall/climate&topic=forty&range=600', {
      width: 375,
      height: 740,
    })
    await ready(page)
    const broken = await page.evaluate<string[]>(`(() => {
      const range = document.createRange()
      return [...document.querySelectorAll('td, .timeline-name, #chart-title, #chosen button, th')]
        .filter((element) => !element.closest('.u-legend') && element.textContent !== '' && element.getClientRects().length > 0)
        .filter((element) => {
          range.selectNodeContents(element)
          const lines = new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size
          return lines > 1 && element.textContent.length / lines < 12
        })
        .map(({ textContent }) => textContent)
    })()`)
    assert.deepEqual(broken, [])
    const dialog = page.locator('#chart')
    const width = 'document.querySelector("#chart").scrollWidth'
    assert.ok(Number(await dialog.evaluate(width)) <= 375)
    assert.deepEqual(window.problems, [])
  })
})
