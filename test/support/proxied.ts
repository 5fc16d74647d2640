import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts'
import { type Credentials, createPki, type Pki } from './pki.ts'

/** The CN of the proxy's certificate. */
export const PROXY = 'proxy.example'

export interface ProxiedGateway extends TestGateway {
  /** The CA of the proxy alone. */
  readonly proxyPki: Pki
  /** The credentials of the proxy. */
  readonly proxy: Credentials
  /** The port of the proxy door. */
  readonly port: number
  /** The same gateway with the proxy door in place of the device door, for the test clients. */
  readonly door: TestGateway
}

/** Starts a gateway with a proxy door on a free loopback port, which accepts RFC 9440 by default. */
export async function startProxied({
  settings = {},
  ...options
}: TestGatewayOptions = {}): Promise<ProxiedGateway> {
  const directory = join(tmpdir(), `wott-proxy-${process.pid}-${Date.now()}-${Math.random()}`)
  const proxyPki = await createPki(directory)
  const proxy = await proxyPki.issue(PROXY)
  const at = await startGateway({
    acl: 'pattern readwrite #\n',
    ...options,
    settings: {
      proxyListen: '127.0.0.1:0',
      proxyIdentity: 'rfc9440',
      proxyCaFile: proxy.caFile,
      proxyName: PROXY,
      ...settings,
    },
  }).catch(async (error) => {
    await rm(directory, { recursive: true, force: true })
    throw error
  })
  const port = at.gateway.doors.proxy?.port ?? 0
  return {
    ...at,
    proxyPki,
    proxy,
    port,
    door: { ...at, ports: { ...at.ports, device: port } },
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The header that the proxy adds for a device (RFC 9440). */
export function passedOn({ certificate }: Pick<Credentials, 'certificate'>) {
  return { 'client-cert': `:${certificate.replace(/-----[A-Z ]+-----|\s/g, '')}:` }
}
