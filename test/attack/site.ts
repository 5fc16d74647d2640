import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { end, LOAD_CORE, spawnOn } from '../../bench/support/child.ts'
import { type Server, startGateway } from '../../bench/support/servers.ts'
import { type Credentials, createPki } from '../support/pki.ts'
import type { Target } from './flood.ts'

/** A gateway under attack, with default settings, in a separate process on its own core. */
export interface Site extends AsyncDisposable {
  readonly ports: Target['ports']
  /** The gateway's process. */
  readonly pid: number
  issue(id: string): Promise<Credentials>
  /** Starts an attacker on the other core with a low priority; resolves when it has started. */
  attack(name: string): Promise<void>
  /** Kills all attackers. */
  endAttacks(): Promise<void>
  /** The gateway's largest memory so far, in bytes. */
  peakMemory(): Promise<number>
  /** Every counter of the gateway that is not 0, with its labels. */
  counters(): Promise<ReadonlyMap<string, number>>
}

export interface SiteOptions {
  /** Number of retained messages before the attack. */
  readonly retained?: number
  /** Where a CPU profile of the gateway is written when it ends. */
  readonly profile?: string | undefined
  /** WOTT_BROKER; by default a `file:` store in a new folder. */
  readonly broker?: string | undefined
}

const ACL = 'pattern readwrite dev/%u/#\ntopic read public/#\n'
/** The default burst of messages of one device. */
const BURST = 2000
/** A lower priority than the honest device, so that the device does not wait for their common core. */
const ATTACKERS_NICE = '15'

export async function startSite({
  retained = 0,
  profile,
  broker,
}: SiteOptions = {}): Promise<Site> {
  await using building = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'wott-attack-'))
  building.defer(() => rm(directory, { recursive: true, force: true }))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1', '::1']
  const server = await pki.issue('gateway.d.wott.local', { names })
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, `${ACL}pattern write public/%u/#\n`)
  const gateway = building.use(
    await startGateway(
      { server, aclFile, crlFile: pki.crlFile },
      { profile, isQuiet: true, env: settings(directory, broker) },
    ),
  )
  const ports = { device: gateway.httpsPort, mqtt: gateway.port, viewer: 0 }
  const attackers: AsyncDisposable[] = []
  building.defer(endAttacks)

  async function endAttacks(): Promise<void> {
    await Promise.all(attackers.splice(0).map((attacker) => attacker[Symbol.asyncDispose]()))
  }

  await retain(retained, ports.mqtt, (id) => pki.issue(id))
  const running = building.move()
  return {
    ports,
    pid: gateway.pid,
    issue: (id) => pki.issue(id),
    async attack(name) {
      const id = `${name}.d.wott.local`
      const { directory: folder } = await pki.issue(id)
      const module = new URL('./attacker.ts', import.meta.url).pathname
      const child = spawnOn('nice', ['-n', ATTACKERS_NICE, process.execPath, module, name], {
        core: LOAD_CORE,
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      child.stdin?.end(JSON.stringify({ ports, directory: folder, id } satisfies Target))
      attackers.push({ [Symbol.asyncDispose]: () => end(child, 'SIGKILL') })
      if (child.stdout) await once(child.stdout, 'data')
    },
    endAttacks,
    peakMemory: () => peakMemoryOf(gateway),
    counters: () => countersOf(gateway),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function settings(directory: string, broker = `file:${directory}/data`): Record<string, string> {
  return {
    WOTT_BROKER: broker,
    WOTT_VIEWERS_FILE: join(directory, 'viewers.json'),
    // the same as in the image and the systemd unit
    NODE_OPTIONS: '--v8-pool-size=1',
    // the benchmarks use other values
    WOTT_PUBLISH_RATE: '1000',
    WOTT_HANDSHAKE_RATE: '500',
    WOTT_HANDSHAKE_RATE_PER_ADDRESS: '100',
    WOTT_DRAIN_SECONDS: '1',
  }
}

/** Publishes small retained messages with as many devices as the rate limit requires. */
async function retain(
  count: number,
  port: number,
  issue: (id: string) => Promise<Credentials>,
): Promise<void> {
  for (let from = 0; from < count; from += BURST) {
    const id = `retainer-${from}.d.wott.local`
    const { ca, certificate: cert, key } = await issue(id)
    const client = await connectAsync(`mqtts://localhost:${port}`, { ca, cert, key })
    const numbers = Array.from({ length: Math.min(BURST, count - from) }, (_, index) => index)
    const publish = (number: number) =>
      client.publishAsync(`public/${id}/${number}`, 'x'.repeat(60), { qos: 1, retain: true })
    await Promise.all(numbers.map(publish))
    await client.endAsync()
  }
}

async function peakMemoryOf({ pid }: Server): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

async function countersOf({ opsPort }: Server): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${opsPort}/metrics`)
  const counters = new Map<string, number>()
  for (const line of (await answer.text()).split('\n')) {
    const [, sample, value] = /^(wott_\w+_total(?:\{.*\})?) (\S+)$/.exec(line) ?? []
    if (sample && Number(value) > 0) counters.set(sample, Number(value))
  }
  return counters
}
