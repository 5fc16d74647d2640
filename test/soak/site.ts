import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { startGateway } from '../../bench/support/servers.ts'
import { ADMIN_SOCKET, askGateway } from '../../src/admin/ask.ts'
import type { StoreInfo } from '../../src/broker/store/sqlite-info.ts'
import type { Reachable } from '../support/clients.ts'
import { type Credentials, createPki } from '../support/pki.ts'
import type { Held } from './probe.ts'
import { isBack, type State } from './trend.ts'

/** A gateway in a separate process, with a store on disk. */
export interface Site extends Reachable, AsyncDisposable {
  readonly aclFile: string
  readonly viewersFile: string
  readonly devices: readonly Credentials[]
  /** Reads the gateway's resources when all clients are gone and no count is above `before`, or after a timeout. */
  settle(before: State | null): Promise<State>
}

/** May read and write `dev/ID/#`; viewers read all of it. */
export const ACL = `pattern readwrite dev/%u/#
${[0, 1, 2, 3].map((lane) => `user viewer-${lane}\ntopic read dev/#`).join('\n')}
`
const LANES = 4
const SETTLE_MS = 10_000
const LOOK_MS = 100
const COUNTED = /^(wott_(?:connections|streams|memory_held_bytes)(?:\{.*\})?) (\S+)$/gm

export async function startSite(): Promise<Site> {
  await using building = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'wott-soak-'))
  building.defer(() => rm(directory, { recursive: true, force: true }))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1', '::1']
  const server = await pki.issue('gateway.d.wott.local', { names })
  const devices = await Promise.all(
    Array.from({ length: LANES }, (_, lane) => pki.issue(`device-${lane}.d.wott.local`)),
  )
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, ACL)
  const viewersFile = join(directory, 'viewers.json')
  const store = join(directory, 'data')
  const gateway = building.use(
    await startGateway(
      { server, aclFile, crlFile: pki.crlFile },
      {
        env: settings(store, viewersFile),
        probe: new URL('./probe.ts', import.meta.url),
        isQuiet: true,
      },
    ),
  )

  async function count(): Promise<Record<string, number>> {
    const { sessions, queued } = (await askGateway(join(store, ADMIN_SOCKET), 'info')) as StoreInfo
    const counts: Record<string, number> = { sessions, 'waiting messages': queued }
    for (const [, sample = '', value] of (await metricsOf(gateway.opsPort)).matchAll(COUNTED))
      counts[sample] = Number(value)
    return counts
  }

  /** Takes more than a second of the gateway. */
  async function look(): Promise<State> {
    const counts = await count()
    const held = await gateway.ask<Held>('held')
    counts.descriptors = (await readdir(`/proc/${gateway.pid}/fd`)).length
    return { ...held, counts: { ...counts, ...held.counts } }
  }

  const running = building.move()
  return {
    pki,
    aclFile,
    viewersFile,
    devices,
    ports: {
      device: gateway.httpsPort,
      mqtt: gateway.port,
      viewer: gateway.viewerPort,
      ops: gateway.opsPort,
    },
    async settle(before) {
      const deadline = performance.now() + SETTLE_MS
      const isOver = () => performance.now() > deadline
      while (!isEmpty(await count()) && !isOver()) await pause(LOOK_MS)
      for (;;) {
        const state = await look()
        if (before === null || isBack(state, before) || isOver()) return state
        await pause(LOOK_MS)
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function settings(store: string, viewersFile: string): Record<string, string> {
  return {
    WOTT_BROKER: `file:${store}`,
    WOTT_VIEWERS_FILE: viewersFile,
    WOTT_VIEWER_LISTEN: '127.0.0.1:0',
    WOTT_INVITE_GUESSES: '1000000',
    WOTT_STRANGER_REQUEST_RATE: '0',
    WOTT_DRAIN_SECONDS: '1',
    // hides the probe's warning about counting objects
    NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    // small limits that are reached soon, so that kept data does not look like a leak
    WOTT_HISTORY_BYTES: '262144',
  }
}

/** Ignores the ops door, which the probe itself uses. */
function isEmpty(counts: State['counts']): boolean {
  const clients = /^wott_(connections|streams)(?!.*"ops")/
  return Object.entries(counts).every(([name, value]) => value === 0 || !clients.test(name))
}

/** Uses a new connection, which is closed before the descriptors are counted. */
async function metricsOf(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  get({ host: '127.0.0.1', port, path: '/metrics', agent: false }, (response) =>
    text(response).then(resolve, reject),
  ).on('error', reject)
  return promise
}
