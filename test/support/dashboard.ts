import type { MqttClient } from 'mqtt'
import type { Page } from 'playwright-core'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { openBrowser, type Visit, visit } from './browser.ts'
import { mqtt } from './clients.ts'
import { startGateway } from './gateway.ts'

const ACL = 'user sensor\ntopic write #\nuser alice\ntopic read #\n'

/** A gateway, a sensor that publishes, and a browser in which alice is logged in. */
export interface DashboardSite extends AsyncDisposable {
  readonly client: MqttClient
  readonly home: string
  /** The logged-in context; its pages share the session. */
  readonly window: Visit
  open(
    query: string,
    viewport?: { readonly width: number; readonly height: number },
  ): Promise<Page & AsyncDisposable>
}

/** `protocolVersion` is the sensor's. */
export async function openDashboard(protocolVersion: 4 | 5): Promise<DashboardSite> {
  const at = await startGateway({ acl: ACL })
  const client = await mqtt(at, await at.pki.issue('sensor'), { protocolVersion })
  const browser = await openBrowser(at.certificate)
  const home = `https://localhost:${at.ports.viewer}/`
  const code = await inviteViewer(at.viewersFile, 'alice', 3_600_000)
  const window = await visit(browser, `${home}#invite=${code}`)
  return {
    client,
    home,
    window,
    async open(query, viewport = { width: 1180, height: 900 }) {
      const page = await window.page.context().newPage()
      await page.setViewportSize(viewport)
      await page.goto(`${home}${query}`)
      return Object.assign(page, { [Symbol.asyncDispose]: () => page.close() })
    },
    async [Symbol.asyncDispose]() {
      await client.endAsync()
      await window[Symbol.asyncDispose]()
      await browser[Symbol.asyncDispose]()
      await at[Symbol.asyncDispose]()
    },
  }
}
