import { createHash, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Debian's Chromium without its windows, which takes half of the time, or else the whole one. */
const CHROMIUM = ['/usr/lib/chromium/chromium-headless-shell', '/usr/bin/chromium']
const AXE = resolve(import.meta.dirname, '../../node_modules/axe-core/axe.min.js')

/** Debian's Chromium, which also trusts this certificate. */
export async function openBrowser(certificate: string): Promise<Browser & AsyncDisposable> {
  const executablePath = CHROMIUM.find((program) => existsSync(program))
  if (executablePath === undefined)
    throw new Error('these tests drive Chromium: apt-get install chromium-headless-shell')
  const { publicKey } = new X509Certificate(certificate)
  const key = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' }))
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      // to start a process for each page takes longer than most pages do
      '--renderer-process-limit=1',
      '--process-per-site',
      `--ignore-certificate-errors-spki-list=${key.digest('base64')}`,
    ],
  })
  return Object.assign(browser, { [Symbol.asyncDispose]: () => browser.close() })
}

export interface Visit extends AsyncDisposable {
  readonly page: Page
  /** The script errors and CSP violations of the page. */
  readonly problems: readonly string[]
}

/** Opens a page in a new profile. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', ({ message }) => problems.push(message))
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(message.text())
  })
  await page.goto(url)
  return { page, problems, [Symbol.asyncDispose]: () => context.close() }
}

/** The serious and critical problems that axe finds in the current page or a part of it, by all rules or by these. */
export async function barriersIn(
  page: Page,
  { rules, within }: { readonly rules?: readonly string[]; readonly within?: string } = {},
): Promise<string[]> {
  if (await page.evaluate('globalThis.axe === undefined'))
    await page.evaluate(await readFile(AXE, 'utf8'))
  // waits for animations to end, as the contrast is wrong while colors fade
  await page.evaluate(
    `Promise.allSettled(document.getAnimations()
      .filter((one) => Number.isFinite(one.effect.getComputedTiming().endTime))
      .map(({ finished }) => finished))`,
  )
  const options = {
    resultTypes: ['violations'],
    ...(rules ? { runOnly: { type: 'rule', values: rules } } : {}),
  }
  const { violations } = await page.evaluate<{ violations: readonly Violation[] }>(
    `axe.run(${within === undefined ? 'document' : JSON.stringify(within)}, ${JSON.stringify(options)})`,
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: readonly { readonly html: string }[]
}
