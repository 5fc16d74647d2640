import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { temporaryFolder, run as wott } from '../cli/program.ts'
import { openBrowser } from './browser.ts'
import { mqtt } from './clients.ts'
import { startGateway, type TestGateway } from './gateway.ts'

/** A font that is the same on each machine; it comes with Debian's fontconfig. */
const USE_FONT = `const font = new CSSStyleSheet()
font.replaceSync(':root { font-family: "DejaVu Sans" }')
document.adoptedStyleSheets.push(font)`
const MINUTE = 60_000
/** The fixed time of every page. */
const NOW = Date.UTC(2026, 0, 15, 12)
/** The longest age of readings, as `NOW` is long ago. */
const READING_PAST = '315360000'

const ACL = `user sensor
topic write #
user alice
topic read house/#
user carol
topic read house/#
user dave
topic read empty/#
user nobody
topic write x
`
const TOPICS = `house/+/temperature  name "Temperature of %1" unit °C min 5 max 30
house/+/climate  field humidity unit %
`

export interface StatesSite extends AsyncDisposable {
  /** A page that shows this state at this width; closed with the site. */
  show(state: State, width: number): Promise<Page>
  readonly browser: Awaited<ReturnType<typeof openBrowser>>
}

/** The states of the dashboard, and how to reach them. */
export const STATES = {
  cards: { as: 'alice', path: '', until: '#count:text-is("7 topics")' },
  filtered: { as: 'alice', path: '?filter=house/kitchen/%23', until: '#everything:visible' },
  chart: {
    as: 'alice',
    path: '?topic=house/kitchen/temperature&topic=house/hall/climate&field=0:&field=1:humidity&field=1:pressure&range=3600',
    until: '#chart[open] #chart-note[data-state=ready]',
    // a click would scroll the page
    act: (page) => page.evaluate('document.querySelector("#fields").open = true'),
  },
  timeline: {
    as: 'alice',
    path: '?topic=house/hall/door&topic=house/hall/climate&field=0:&field=1:mode&range=3600',
    until: '#timeline .timeline-row >> nth=1',
  },
  wall: { as: 'alice', path: '?wall', until: '[data-view=wall] .card >> nth=1' },
  empty: { as: 'dave', path: '', until: '#state[data-state=live]' },
  login: { as: null, path: '', until: '#trouble-title:text-is("Who are you?")' },
  invite: { as: null, path: '#invite=x', until: '#trouble-title:text-matches("invite does not")' },
  forbidden: { as: 'nobody', path: '', until: '#trouble-title:text-matches("read nothing")' },
  over: {
    as: 'carol',
    path: '',
    until: '#count:text-is("7 topics")',
    act: async (page, { viewersFile }) => {
      await wott(['viewer', 'revoke', 'carol', '--file', viewersFile])
      await page.locator('#trouble-title:text-is("Your session is over")').waitFor()
    },
  },
  unreachable: {
    as: null,
    path: '',
    until: '#trouble-title:text-is("The gateway does not answer")',
    before: (page) => page.route('**/session', (route) => route.abort()),
  },
  missing: {
    as: 'alice',
    path: '?topic=garden/gate&range=3600',
    until: '#missing:text-matches("^You may not read garden/gate")',
  },
} as const satisfies Record<string, Definition>

export type State = keyof typeof STATES

interface Definition {
  readonly as: string | null
  /** The part of the URL after the origin. */
  readonly path: string
  /** A selector that matches once the state is reached. */
  readonly until: string
  before?(page: Page): Promise<unknown>
  act?(page: Page, at: TestGateway): Promise<unknown>
}

/** Opens a gateway with the same readings each time, and a browser. */
export async function openStates(): Promise<StatesSite> {
  await using building = new AsyncDisposableStack()
  const topicsFile = join(building.use(await temporaryFolder()).path, 'topics')
  await writeFile(topicsFile, TOPICS)
  const settings = { readingPast: READING_PAST, topicsFile }
  const at = building.use(await startGateway({ acl: ACL, settings }))
  await publishAll(at)
  const browser = building.use(await openBrowser(at.certificate))
  const home = `https://localhost:${at.ports.viewer}/`
  const contexts = new Map<string | null, BrowserContext>()

  /** A browser context per name, which logs in once. */
  async function contextOf(name: string | null): Promise<BrowserContext> {
    const known = contexts.get(name)
    if (known) return known
    const context = await browser.newContext({
      locale: 'en-GB',
      timezoneId: 'UTC',
      colorScheme: 'light',
      reducedMotion: 'reduce',
      // for the log-in, which Chromium does not send
      ignoreHTTPSErrors: true,
    })
    contexts.set(name, context)
    await context.addInitScript(USE_FONT)
    await context.clock.setFixedTime(NOW)
    if (name !== null) {
      const code = await inviteViewer(at.viewersFile, name, 3_600_000)
      const answer = await context.request.post(`${home}session`, { data: { code } })
      if (!answer.ok()) throw new Error(`${name} cannot log in: ${await answer.text()}`)
    }
    return context
  }

  const owned = building.move()
  return {
    browser,
    async show(state, width) {
      const { as, path, until, before, act }: Definition = STATES[state]
      const page = await (await contextOf(as)).newPage()
      await resize(page, width)
      await before?.(page)
      await page.goto(home + path)
      await page.locator(until).waitFor()
      await act?.(page, at)
      return page
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const HEIGHTS: Readonly<Record<number, number>> = { 375: 740, 768: 900, 1280: 800, 1920: 1080 }

/** Resolves once the page is laid out and drawn at this width. */
export async function resize(page: Page, width: number): Promise<void> {
  await page.setViewportSize({ width, height: HEIGHTS[width] ?? 800 })
  await page.evaluate(
    'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
  )
}

/** Publishes readings of the last hour of a house. */
async function publishAll(at: TestGateway): Promise<void> {
  const client = await mqtt(at, await at.pki.issue('sensor'), { protocolVersion: 5 })
  const publish = (topic: string, payload: string, minutes: number) =>
    client.publishAsync(topic, payload, {
      qos: 1,
      properties: { userProperties: { time: new Date(NOW - minutes * MINUTE).toISOString() } },
    })
  for (let minutes = 58; minutes >= 0; minutes -= 2) {
    const wave = Math.sin(minutes / 9)
    await publish('house/kitchen/temperature', (21 + 2 * wave).toFixed(1), minutes)
    await publish('house/cellar/temperature', (31 + wave).toFixed(1), minutes)
    const climate = {
      humidity: Math.round(55 - 8 * wave),
      pressure: Number((1013 + wave).toFixed(1)),
      mode: minutes > 40 ? 'heating' : minutes > 15 ? 'off' : 'cooling',
    }
    await publish('house/hall/climate', JSON.stringify(climate), minutes)
    if (minutes % 10 === 0)
      await publish('house/hall/door', minutes % 20 === 0 ? 'closed' : 'open', minutes)
  }
  await publish('house/kitchen/meter', '1795690123.25', 0)
  await publish('house/kitchen/oven', '{"on":false,"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}', 3)
  await publish('house/attic/a-topic-with-a-very-long-name/that-does-not-fit/window', 'shut', 90)
  await publish('garden/gate', 'open', 1)
  await client.endAsync()
}
