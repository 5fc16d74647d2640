import { inviteViewer } from '../../src/viewer/invite.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { type Client, createClient } from './client.ts'
import { readDocument } from './document.ts'

const ACL = `user sensor.d.wott.local
topic readwrite wott/#
topic readwrite cmd/sensor.d.wott.local/#
topic write secret
user alice
topic read wott/#
`

/** A gateway, and a client that only has openapi.json and its credentials. */
export interface Site extends AsyncDisposable {
  readonly at: TestGateway
  readonly client: Client
  readonly sensor: Credentials
  /** Makes an invite for alice, for a session of that many milliseconds. */
  invite(lasts?: number): Promise<string>
  /** Makes a new session of alice. */
  session(lasts?: number): Promise<string>
}

export async function openSite(settings: TestGatewayOptions['settings'] = {}): Promise<Site> {
  const at = await startGateway({
    acl: ACL,
    settings: { influxTopic: 'wott/{measurement}/{tags}/{field}', ...settings },
  })
  const { device, viewer, ops } = at.ports
  const ports: Readonly<Record<string, number>> = { 8443: device, 9443: viewer, 9464: ops }
  const client = createClient({
    document: await readDocument(),
    ca: at.pki.authority.certificate,
    port: (standard) => ports[standard] ?? 0,
  })
  const invite = (lasts = 3_600_000) => inviteViewer(at.viewersFile, 'alice', lasts)
  return {
    at,
    client,
    invite,
    sensor: await at.pki.issue('sensor.d.wott.local'),
    async session(lasts) {
      const { headers } = await client.call('logIn', { body: codeOf(await invite(lasts)) })
      return /=([^;]+)/.exec(`${headers['set-cookie']}`)?.[1] ?? ''
    },
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  }
}

export function codeOf(code: string): string {
  return JSON.stringify({ code })
}
