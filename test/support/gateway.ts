import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import type { SettingName } from '../../src/config/schema.ts'
import { type Gateway, openGateway } from '../../src/gateway.ts'
import { type CollectedLog, collectLog } from './log.ts'
import { createPki, type Pki } from './pki.ts'
import { until } from './until.ts'

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway
  readonly pki: Pki
  /** The gateway's own certificate, PEM. */
  readonly certificate: string
  readonly aclFile: string
  readonly viewersFile: string
  readonly ports: {
    readonly device: number
    readonly mqtt: number
    readonly viewer: number
    readonly ops: number
  }
  /** All log lines so far. */
  readonly log: Record<string, unknown>[]
  readonly logged: CollectedLog['logged']
  /** The metrics of the ops door. */
  metrics(): Promise<string>
  /** The value of one sample, written as in Prometheus: `name{label="value"}`; undefined when absent. */
  metric(sample: string): Promise<number | undefined>
  /** Resolves once that sample has this value, or one that fits. */
  until(sample: string, wanted: number | ((value: number) => boolean)): Promise<void>
}

export interface TestGatewayOptions {
  readonly acl?: string
  readonly settings?: Partial<Record<SettingName, string>>
  /** The only name in the gateway's own certificate, a WoTT ID; by default it has the local names too. */
  readonly id?: string
}

/** Starts a whole gateway on free loopback ports, with a new device CA. */
export async function startGateway({
  acl = '',
  settings = {},
  id,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-test-'))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1', '::1']
  const own = await pki.issue(id ?? 'gateway.d.wott.local', id === undefined ? { names } : {})
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, acl)

  const viewersFile = join(directory, 'viewers.json')

  const { log, lines, logged } = collectLog()
  const loopback = '127.0.0.1:0'
  const config = loadConfig(
    {},
    {
      certsDir: own.directory,
      crlFile: pki.crlFile,
      aclFile,
      deviceListen: loopback,
      mqttListen: loopback,
      viewerListen: loopback,
      opsListen: loopback,
      drainSeconds: '2',
      broker: 'memory:',
      viewersFile,
      ...settings,
    },
  )
  const gateway = await openGateway(config, log)
  const port = (door: keyof Gateway['doors']) => gateway.doors[door]?.port ?? 0
  const ports = {
    device: port('device'),
    mqtt: port('mqtt'),
    viewer: port('viewer'),
    ops: port('ops'),
  }

  async function metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${ports.ops}/metrics`)
    return response.text()
  }

  async function metric(sample: string): Promise<number | undefined> {
    const line = (await metrics()).split('\n').find((text) => text.startsWith(`${sample} `))
    return line === undefined ? undefined : Number(line.slice(sample.length + 1))
  }

  return {
    gateway,
    pki,
    certificate: own.certificate,
    aclFile,
    viewersFile,
    ports,
    log: lines,
    logged,
    metrics,
    metric,
    async until(sample, wanted) {
      const fits = typeof wanted === 'number' ? (value: number) => value === wanted : wanted
      await until(
        () => metric(sample),
        (value) => value !== undefined && fits(value),
      )
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** The two devices of the tutorial, and one without any right. */
export const TUTORIAL_ACL = `user sensor.d.wott.local
topic write wott/temperature
user subscriber.d.wott.local
topic read wott/temperature
`
