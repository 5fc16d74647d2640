import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { startDev } from '../cli/dev-gateway.ts'
import { temporaryFolder, run as wott } from '../cli/program.ts'
import { openBrowser, type Visit, visit } from '../support/browser.ts'
import { curl, mqtt } from '../support/clients.ts'
import { resize } from '../support/dashboard-states.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = `user sensor.d.wott.local
topic write #
user alice
topic read #
topic deny secret/#
user nobody
topic write a
user wall.d.wott.local
topic read wott/#
`

describe('the dashboard in Chromium', () => {
  let at: TestGateway
  let sensor: Credentials
  let browser: Browser & AsyncDisposable
  before(async () => {
    at = await startGateway({ acl: ACL })
    sensor = await at.pki.issue('sensor.d.wott.local')
    browser = await openBrowser(at.certificate)
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
  })

  const home = () => `https://localhost:${at.ports.viewer}/`
  const invited = async (name: string): Promise<Visit> => {
    const code = await inviteViewer(at.viewersFile, name, 3_600_000)
    return visit(browser, `${home()}#invite=${code}`)
  }
  const publish = async (topic: string, ...data: string[]) => {
    const url = `https://localhost:${at.ports.device}/topics/${topic}`
    const { stdout } = await curl(sensor, sensor.caFile, ...data, url)
    assert.equal(JSON.parse(stdout).message, 'OK')
  }
  const card = (page: Page, topic: string) =>
    page.locator('.card').filter({ has: page.locator(`.topic bdi:text-is("${topic}")`) })
  const live = (page: Page) => page.locator('#state[data-state=live]').waitFor()

  it('logs in by an invite, shows earlier messages, and updates when curl publishes', async () => {
    await publish('wott/temperature', '-d', '20')
    await using window = await invited('alice')
    const { page } = window
    await live(page)
    assert.equal(new URL(page.url()).hash, '')
    assert.equal(await page.locator('#who').textContent(), 'alice')
    const temperature = card(page, 'wott/temperature')
    await temperature.locator('.value:text-is("20")').waitFor()
    await publish('wott/temperature', '-d', '21.5')
    await temperature.locator('.value:text-is("21.5")').waitFor()
    assert.equal(await temperature.locator('.device').textContent(), 'sensor.d.wott.local')

    await temperature.click()
    await page.locator('#chart[open] #plot canvas').waitFor()
    await publish('wott/temperature', '-d', '22')
    await page.locator('#messages td:text-is("22")').waitFor()
    const payloads = page.locator('#messages tr td:last-child')
    assert.deepEqual(await payloads.allTextContents(), ['22', '21.5', '20'])
    // only the legend shows in text what is on the canvas
    await page.locator('#pause').click()
    await publish('wott/temperature', '-d', '23')
    await card(page, 'wott/temperature').locator('.value:text-is("23")').waitFor()
    assert.deepEqual(await payloads.allTextContents(), ['22', '21.5', '20'])
    await page.locator('#pause').click()
    await page.locator('#messages td:text-is("23")').waitFor()
    await publish('wott/humidity', '-d', '55')
    await card(page, 'wott/humidity').waitFor()
    await page.locator('#add').fill('wott/humidity')
    await page.locator('#add').press('Enter')
    await page.locator('.u-legend .u-label:text-is("wott/humidity")').waitFor()
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('#chart').getAttribute('open'), null)
    assert.deepEqual(window.problems, [])
  })

  it('shows numbers, JSON, text and bytes each in its own way, and nothing that may not be read', async () => {
    await publish('kinds/json', '-d', '{"t":21.5,"ok":true}')
    await publish('kinds/text', '-d', 'hello')
    for (const number of ['1795690123', '99999.99', '21.50', '12345678901234567890'])
      await publish(`kinds/number/${number}`, '-d', number)
    await publish(
      'kinds/binary',
      '--data-binary',
      `@${await file('bytes', Buffer.from([0, 255, 16]))}`,
    )
    await publish('secret/plan', '-d', 'x')
    await publish('kinds/last', '-d', '1')
    await using window = await invited('alice')
    const { page } = window
    await card(page, 'kinds/last').waitFor()
    const value = (topic: string) => card(page, topic).locator('.value').textContent()
    const fields = card(page, 'kinds/json').locator('.field')
    assert.deepEqual(await fields.allInnerTexts(), ['t\n21.5', 'ok\ntrue'])
    assert.equal(await value('kinds/text'), 'hello')
    for (const number of ['1795690123', '99999.99', '21.50', '12345678901234567890'])
      assert.equal(await value(`kinds/number/${number}`), number)
    assert.equal(await value('kinds/binary'), '3 bytes: 00 ff 10')
    assert.equal(await card(page, 'secret/plan').count(), 0)
    await page.locator('#filter').fill('kinds/b')
    await page.locator('#count:text-matches("^1 of \\\\d+ topics")').waitFor()
    assert.equal(await card(page, 'kinds/text').count(), 0)
  })

  it('shows topics and payloads as text, whatever they contain', async () => {
    const client = await mqtt(at, sensor)
    const attacks = [
      '<img src=x onerror=alert(1)>',
      '"><script>alert(2)</script>',
      'javascript:alert(3)',
      '\u202egnp.exe',
    ]
    for (const [index, attack] of attacks.entries())
      await client.publishAsync(`attack/${index}/${attack.replaceAll(/[+#]/g, '')}`, attack, {
        qos: 1,
      })
    await client.endAsync()
    await using window = await invited('alice')
    const { page } = window
    page.on('dialog', () => assert.fail('a script of a stranger ran'))
    for (const [index, attack] of attacks.entries()) {
      const shown = card(page, `attack/${index}/${attack}`)
      if (index !== 1) assert.equal(await shown.locator('.value').textContent(), attack)
    }
    await page.locator('.card').filter({ hasText: 'attack/0' }).click()
    await page.locator('#messages td').first().waitFor()
    assert.equal(
      await page.locator('main img, main script, #messages img, #messages script').count(),
      0,
    )
    assert.deepEqual(window.problems, [])
  })

  it('logs out a revoked viewer at once, with a message', async () => {
    await using window = await invited('alice')
    await live(window.page)
    const { code } = await wott(['viewer', 'revoke', 'alice', '--file', at.viewersFile])
    assert.equal(code, 0)
    await window.page.locator('#trouble-title:text-is("Your session is over")').waitFor()
    assert.equal(await window.page.locator('#state').getAttribute('data-state'), 'over')
  })

  it('logs out', async () => {
    await using window = await invited('alice')
    await live(window.page)
    await window.page.locator('#leave').click()
    await window.page.locator('#trouble-title:text-is("Who are you?")').waitFor()
    assert.deepEqual(await window.page.context().cookies(), [])
  })

  it('shows the missing ACL lines when nothing may be read, and an error for a bad invite', async () => {
    await using window = await invited('nobody')
    await window.page
      .locator('#trouble-title:text-is("The ACL file lets you read nothing")')
      .waitFor()
    assert.equal(
      await window.page.locator('#trouble-lines').textContent(),
      'user nobody\ntopic read wott/#',
    )
    await using other = await visit(browser, `${home()}#invite=used-or-invented`)
    await other.page.locator('#trouble-title:text-is("This invite does not work")').waitFor()
  })

  it('asks before an invite logs in as another viewer', async () => {
    await using window = await invited('alice')
    const { page } = window
    await live(page)
    const link = async (name: string) =>
      `${home()}?again#invite=${await inviteViewer(at.viewersFile, name, 3_600_000)}`
    for (const [answer, expected] of [
      ['dismiss', 'alice'],
      ['accept', 'nobody'],
    ] as const) {
      const asked = page.waitForEvent('dialog')
      const opened = page.goto(await link('nobody'))
      const dialog = await asked
      assert.match(dialog.message(), /You are logged in as alice/)
      await dialog[answer]()
      await opened
      await page.locator(`#who:text-is("${expected}")`).waitFor()
    }
  })

  it('works on the device door for a browser with a certificate', async () => {
    const wall = await at.pki.issue('wall.d.wott.local')
    await publish('wott/temperature', '-d', '19')
    const origin = `https://localhost:${at.ports.device}`
    const clientCertificates = [{ origin, certPath: wall.certFile, keyPath: wall.keyFile }]
    // Playwright makes the TLS connections here, and does not accept a list of keys
    await using window = await visit(browser, `${origin}/`, {
      clientCertificates,
      ignoreHTTPSErrors: true,
    })
    const { page } = window
    await card(page, 'wott/temperature').locator('.value:text-is("19")').waitFor()
    assert.equal(await page.locator('#who').textContent(), 'wall.d.wott.local')
    assert.equal(await page.locator('#leave').isVisible(), false)
    assert.deepEqual(window.problems, [])
  })

  it('can be used with the keyboard only', async () => {
    await using window = await invited('alice')
    const { page } = window
    await publish('keys/a', '-d', '1')
    await publish('keys/b', '-d', '1')
    // waits for all cards, as a later one may come in between
    await page.locator('#filter').fill('keys/')
    await page.locator('#count:text-matches("^2 of")').waitFor()
    await page.locator('.card').first().focus()
    const topicOf = () => page.evaluate("document.activeElement.querySelector('bdi').textContent")
    const first = await topicOf()
    await page.keyboard.press('ArrowRight')
    assert.notEqual(await topicOf(), first)
    await page.keyboard.press('ArrowLeft')
    assert.equal(await topicOf(), first)
    await page.keyboard.press('Enter')
    await page.locator('#chart[open]').waitFor()
    await page.keyboard.press('Escape')
    assert.equal(await topicOf(), first)
  })

  it('fits a phone and a wall', async () => {
    await using window = await invited('alice')
    const { page } = window
    await page.locator('.card').first().waitFor()
    for (const width of [360, 3840]) {
      await resize(page, width)
      assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth')) <= width)
    }
  })

  // last, as each later page would load them
  it('keeps only visible cards of 1,500 topics', async () => {
    const client = await mqtt(at, sensor)
    await Promise.all(
      Array.from({ length: 1500 }, (_, n) =>
        client.publishAsync(`many/${n}`, String(n), { qos: 0 }),
      ),
    )
    await client.publishAsync('many/zz', 'last', { qos: 1 })
    await client.endAsync()
    await using window = await invited('alice')
    const { page } = window
    await page.locator('#count:text-matches("^15\\\\d\\\\d topics")').waitFor()
    assert.ok((await page.locator('.card').count()) < 100)
    await page.locator('#filter').fill('many/1321')
    await card(page, 'many/1321').locator('.value:text-is("1321")').waitFor()
    await page.locator('#filter').fill('')
    await page.waitForFunction('document.body.scrollHeight > 10000')
    await page.evaluate('scrollTo(0, document.body.scrollHeight)')
    await card(page, 'wott/temperature').waitFor()
    assert.ok((await page.locator('.card').count()) < 100)
  })

  async function file(name: string, bytes: Buffer): Promise<string> {
    const path = join(at.pki.directory, name)
    await writeFile(path, bytes)
    return path
  }
})

describe('charts of a gateway whose memory is short', () => {
  const LONG = 'wott/50% of 5 °C'
  let directory: string
  let at: TestGateway
  let browser: Browser & AsyncDisposable
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-charts-'))
    at = await startGateway({ acl: ACL, settings: { broker: `file:${directory}`, history: '10' } })
    const client = await mqtt(at, await at.pki.issue('sensor.d.wott.local'))
    for (let n = 0; n < 40; n++) await client.publishAsync(LONG, String(n), { qos: 1 })
    for (let n = 0; n < 20; n++)
      await client.publishAsync('wott/json', `{"inside":${n},"a.b":1}`, { qos: 1 })
    await client.publishAsync(LONG, '40', { qos: 1 })
    await client.endAsync()
    browser = await openBrowser(at.certificate)
  })
  after(async () => {
    await browser[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
    await rm(directory, { recursive: true })
  })

  const open = async (
    topic: string,
    prepare: (page: Page) => Promise<unknown> = async () => {},
  ) => {
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    const window = await visit(browser, `https://localhost:${at.ports.viewer}/#invite=${code}`)
    await prepare(window.page)
    await window.page.locator('.card').filter({ hasText: topic }).click()
    return window
  }
  const note = (page: Page) => page.locator('#chart-note')
  const isHistory = (url: URL) => url.pathname === '/history' && url.searchParams.has('every')

  it('are made from the log, in buckets that fit the range', async () => {
    const asked: string[] = []
    let answered = Promise.withResolvers<{ buckets: { count: number }[] }>()
    await using window = await open(LONG, async (page) => {
      page.on('response', async (response) => {
        if (!isHistory(new URL(response.url()))) return
        asked.push(response.url())
        answered.resolve((await response.json()) as { buckets: { count: number }[] })
      })
    })
    const { page } = window
    const { buckets } = await answered.promise
    assert.equal(
      buckets.reduce((sum, { count }) => sum + count, 0),
      41,
    )
    await note(page).filter({ hasText: 'means of 10 s each' }).waitFor()
    await page.locator('#plot canvas').waitFor()
    for (const [range, every, text] of [
      ['21600', '60s', '1 min'],
      ['604800', '1800s', '30 min'],
    ] as const) {
      answered = Promise.withResolvers()
      await page.locator('#range').selectOption(range)
      await answered.promise
      await note(page)
        .filter({ hasText: `means of ${text} each` })
        .waitFor()
      const asking = new URL(asked.at(-1) ?? '').searchParams
      assert.equal(asking.get('every'), every)
      const began = Date.now() - Date.parse(asking.get('from') ?? '')
      assert.ok(Math.abs(began - Number(range) * 1000) < 60_000)
    }
    answered = Promise.withResolvers()
    await page.locator('#range').selectOption('0')
    await answered.promise
    await note(page).filter({ hasText: 'means of 2 s each' }).waitFor()
    assert.deepEqual(window.problems, [])
  })

  it('have a line for each number of a JSON object, also where there is a dot in its name', async () => {
    await using window = await open('wott/json')
    const { page } = window
    await page.locator('.u-legend .u-label:text-is("wott/json inside")').waitFor()
    await page.locator('#chart-note[data-state=ready]').waitFor()
    const rows = page.locator('#summaries td:last-child')
    assert.deepEqual(await rows.allTextContents(), ['20', '20'])
    assert.doesNotMatch((await note(page).textContent()) ?? '', /shown from when/)
  })

  it('say that they load or why they cannot, and try again after Retry-After', async () => {
    let failures = 1
    const held = Promise.withResolvers<void>()
    await using window = await open(LONG, (page) =>
      page.route(isHistory, async (route) => {
        await held.promise
        if (failures-- > 0)
          await route.fulfill({
            status: 429,
            headers: { 'retry-after': '1' },
            json: { code: 'rate_limited', message: 'Too many answers are read.' },
          })
        else await route.continue()
      }),
    )
    const { page } = window
    await note(page).filter({ hasText: 'Loading what came before…' }).waitFor()
    held.resolve()
    await note(page)
      .filter({ hasText: 'Too many answers are read. Trying again in 1 s.' })
      .waitFor()
    await note(page).filter({ hasText: 'means of 10 s each' }).waitFor()
    await page.unroute(isHistory)
    await page.route(isHistory, (route) => route.abort())
    await page.locator('#range').selectOption('21600')
    await note(page).filter({ hasText: 'The gateway does not answer.' }).waitFor()
    await page.unroute(isHistory)
    await page.route(isHistory, (route) =>
      route.fulfill({ status: 403, json: { code: 'read_denied', message: 'Nothing to read.' } }),
    )
    await page.locator('#range').selectOption('600')
    await note(page)
      .filter({ hasText: /could not be loaded: Nothing to read\.$/ })
      .waitFor()
  })

  it('stop loading a range that is no longer shown', async () => {
    const held = Promise.withResolvers<void>()
    await using window = await open(LONG, (page) =>
      page.route(isHistory, async (route) => {
        if (route.request().url().includes('every=10s')) await held.promise
        await route.continue().catch(() => {})
      }),
    )
    const { page } = window
    await note(page).filter({ hasText: 'Loading' }).waitFor()
    const aborted = page.waitForEvent('requestfailed', (request) =>
      isHistory(new URL(request.url())),
    )
    await page.locator('#range').selectOption('86400')
    assert.match((await aborted).url(), /every=10s/)
    held.resolve()
    await note(page).filter({ hasText: 'means of 5 min each' }).waitFor()
  })
})

describe('quiet topics', () => {
  it('are shown after a restart and a reload, from the log', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}`, history: '10' }
    {
      await using at = await startGateway({ acl: ACL, settings })
      const client = await mqtt(at, await at.pki.issue('sensor.d.wott.local'))
      for (let n = 0; n < 50; n++)
        await client.publishAsync(`quiet/${n}`, String(n), { qos: n % 2 ? 1 : 0 })
      await client.publishAsync('secret/plan', 'x', { qos: 1 })
      await client.endAsync()
    }
    await using at = await startGateway({ acl: ACL, settings })
    await using browser = await openBrowser(at.certificate)
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    const url = `https://localhost:${at.ports.viewer}/`
    await using window = await visit(browser, `${url}#invite=${code}`)
    const { page } = window
    await page.locator('#count:text-is("50 topics")').waitFor()
    const client = await mqtt(at, await at.pki.issue('sensor.d.wott.local'))
    for (let n = 0; n < 30; n++) await client.publishAsync('loud', String(n), { qos: 1 })
    await client.publishAsync('quiet/7', '70', { qos: 1, retain: true })
    await client.endAsync()
    for (const again of [false, true]) {
      if (again) await page.reload()
      await page.locator('#count:text-is("51 topics")').waitFor()
      await page.locator('#filter').fill('quiet/7')
      await page.locator('.value:text-is("70")').waitFor()
      await page.locator('#filter').fill('quiet/49')
      await page.locator('.value:text-is("49")').waitFor()
      await page.locator('#filter').fill('')
    }
    assert.deepEqual(window.problems, [])
  })
})

describe('the picture in the README', () => {
  // npm run screenshot stores it
  it('shows this page', async () => {
    await using folder = await temporaryFolder()
    const topicsFile = join(folder.path, 'topics')
    await writeFile(
      topicsFile,
      '+/temperature  name "%1 temperature" unit °C max 26\n+/climate  field humidity unit %\n+/climate  field co2 unit ppm\n',
    )
    await using at = await startGateway({
      acl: 'pattern write %u/#\nuser alice\ntopic read #\n',
      settings: { topicsFile },
    })
    const rooms = { kitchen: 21.4, greenhouse: 27.8, cellar: 12.9, hall: 19.2 }
    for (const [room, base] of Object.entries(rooms)) {
      const client = await mqtt(at, await at.pki.issue(room))
      for (let n = 0; n < 48; n++) {
        const wave = Math.sin(n / 6 + base) * 1.4 + Math.sin(n / 2.3) * 0.3
        await client.publishAsync(`${room}/temperature`, (base + wave).toFixed(1), { qos: 1 })
        const climate = { humidity: Math.round(55 - 4 * wave), co2: Math.round(640 + 90 * wave) }
        await client.publishAsync(`${room}/climate`, JSON.stringify(climate), { qos: 1 })
      }
      await client.publishAsync(`${room}/door`, room === 'cellar' ? 'open' : 'closed', { qos: 1 })
      await client.endAsync()
    }
    await using browser = await openBrowser(at.certificate)
    const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
    const url = `https://localhost:${at.ports.viewer}/#invite=${code}`
    const viewport = { width: 1180, height: 640 }
    await using window = await visit(browser, url, { viewport, colorScheme: 'light' })
    await window.page.locator('#count:text-is("12 topics")').waitFor()
    await window.page.locator('#state[data-state=live]').waitFor()
    await window.page.locator('.card').nth(11).waitFor()
    const picture = await window.page.screenshot()
    if (process.env.WOTT_SCREENSHOT) await writeFile(process.env.WOTT_SCREENSHOT, picture)
    assert.ok(picture.length > 20_000)
  })
})

describe('the dashboard of npm start', () => {
  it('continues after a restart of the gateway with every point, and says when some are missing', async () => {
    await using dev = await startDev()
    const certificate = await readFile(join(dev.cwd, '.wott/certs/client.crt'), 'utf8')
    await using browser = await openBrowser(certificate)
    const link = (await dev.program.line(/#invite=/)).trim()
    await using window = await visit(browser, link)
    const { page } = window
    await page.locator('#state[data-state=live]').waitFor()
    const sensor = join(dev.cwd, '.wott/devices/sensor')
    const files = { certFile: join(sensor, 'client.crt'), keyFile: join(sensor, 'client.key') }
    const topic = `https://localhost:${dev.program.ports.device}/topics/wott/temperature`
    const publish = async (value: string) => {
      const { stdout } = await curl(files, join(sensor, 'ca.crt'), '-d', value, topic)
      assert.equal(JSON.parse(stdout).message, 'OK')
    }
    for (const value of ['1', '2', '3']) await publish(value)
    await page.locator('.value:text-is("3")').waitFor()
    await dev.restart(() =>
      page.locator('#state:text-matches("^Reconnecting since")').waitFor({ timeout: 20_000 }),
    )
    for (const value of ['4', '5']) await publish(value)
    await page.locator('#state[data-state=live]').waitFor()
    await page.locator('.value:text-is("5")').waitFor()
    await page.locator('.card').click()
    await page.locator('#plot canvas').waitFor()
    assert.deepEqual(await page.locator('#messages tr td:last-child').allTextContents(), [
      '5',
      '4',
      '3',
      '2',
      '1',
    ])
    assert.deepEqual(window.problems, [])
  })
})
