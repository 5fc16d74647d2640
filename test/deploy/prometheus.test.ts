import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { type Folder, type Program, startAny, temporaryFolder } from '../cli/program.ts'
import { eventSource, http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { ROOT } from './dockerfile.ts'

const DEPLOY = join(ROOT, 'deploy/prometheus')
const CONFIG = join(DEPLOY, 'prometheus.yml')
const RULES = join(DEPLOY, 'wott-gateway.rules.yml')
const DASHBOARDS = join(ROOT, 'deploy/grafana/dashboards')

const promtool = (...args: string[]) => promisify(execFile)('promtool', args)

interface Panel {
  readonly type: string
  readonly title: string
  readonly id: number
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly { readonly expr: string }[]
}

describe('the rules for alerts', () => {
  it('are what Prometheus takes, and so is its configuration, for compose too', async () => {
    await promtool('check', 'config', CONFIG)
    await promtool('check', 'rules', RULES)
    const compose = parse(await readFile(join(ROOT, 'deploy/compose/prometheus.yml'), 'utf8'))
    const own = parse(await readFile(CONFIG, 'utf8'))
    assert.deepEqual(compose.rule_files, own.rule_files)
    assert.equal(compose.scrape_configs[0].job_name, own.scrape_configs[0].job_name)
  })

  it('fire when they should, and not otherwise', async () => {
    const tests = join(import.meta.dirname, 'prometheus/wott-gateway.rules.test.yml')
    await promtool('test', 'rules', tests)
    const { groups } = parse(await readFile(RULES, 'utf8'))
    const tested = await readFile(tests, 'utf8')
    const pages = await readFile(join(ROOT, 'docs/monitoring.md'), 'utf8')
    for (const { alert, annotations } of groups[0].rules) {
      assert.ok(tested.includes(alert), alert)
      assert.equal(annotations.runbook, `docs/monitoring.md#${alert.toLowerCase()}`)
      assert.match(pages, new RegExp(`^### ${alert}$`, 'm'))
    }
  })
})

describe('a Prometheus that watches a gateway as deploy/ says', () => {
  let folder: Folder
  let at: TestGateway
  let prometheus: Program
  let api: string

  before(async () => {
    folder = await temporaryFolder()
    at = await startGateway({
      acl: 'pattern readwrite %u/#\n',
      settings: { broker: `file:${join(folder.path, 'store')}` },
    })
    const port = await freePort()
    api = `http://127.0.0.1:${port}/api/v1`
    const config = parse(await readFile(CONFIG, 'utf8'))
    config.global.scrape_interval = '1s'
    config.rule_files = [RULES]
    config.scrape_configs[0].static_configs = [{ targets: [`127.0.0.1:${at.ports.ops}`] }]
    const file = join(folder.path, 'prometheus.yml')
    await writeFile(file, stringify(config))
    prometheus = startAny('prometheus', [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder.path, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ])
    await prometheus.line(/Server is ready to receive web requests/)
  })
  after(async () => {
    await prometheus[Symbol.asyncDispose]()
    await at[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  async function ask(query: string): Promise<{ metric: Record<string, string> }[]> {
    const answer = await fetch(`${api}/query?query=${encodeURIComponent(query)}`)
    const { status, data, error } = (await answer.json()) as {
      readonly status: string
      readonly data: { readonly result: { metric: Record<string, string> }[] }
      readonly error?: string
    }
    assert.equal(status, 'success', `${error}: ${query}`)
    return data.result
  }

  /** What a query gives once it gives anything: there is no event for a scrape. */
  async function answered(query: string): Promise<{ metric: Record<string, string> }[]> {
    for (;;) {
      const found = await ask(query)
      if (found.length > 0) return found
      await setTimeout(100)
    }
  }

  it('finds nothing to object to in the metrics', async () => {
    const linted = startAny('promtool', ['check', 'metrics'], { input: await at.metrics() })
    const { code, stdout, stderr } = await linted.ended
    // prom-client's defaults about Node.js have names that the linter would have otherwise
    const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('wott_'))
    assert.deepEqual(ours, [])
    assert.ok(code === 0 || code === 3, stderr)
  })

  it('has data for every panel of every dashboard', async () => {
    const device = await at.pki.issue('kitchen')
    using events = await eventSource(at, device, '/stream?filter=kitchen/%23')
    for (const [topic, body] of [
      ['kitchen/temperature', '21.5'],
      ['hall/temperature', '19'],
    ] as const)
      await http1(at, device, {
        path: `/topics/${encodeURIComponent(topic)}`,
        method: 'POST',
        body,
      })
    await events.next()
    // rates want two scrapes
    await answered('rate(wott_publishes_total{result="denied",door="device",qos="0"}[1m]) > -1')
    for (const file of await readdir(DASHBOARDS)) {
      const { panels } = JSON.parse(await readFile(join(DASHBOARDS, file), 'utf8')) as {
        panels: Panel[]
      }
      for (const { title, targets = [] } of panels)
        for (const { expr } of targets) {
          const query = expr.replace('$__rate_interval', '1m').replaceAll(/\$(\w+)/g, '.*')
          assert.ok((await answered(query)).length > 0, `${file}: ${title}`)
        }
    }
  })

  it('sees what a device published, and would sound no alarm', async () => {
    const [reading] = await answered('wott_reading == 21.5')
    assert.equal(reading?.metric.device, 'kitchen')
    assert.deepEqual(await ask('ALERTS{alertstate="firing"}'), [])
  })
})

describe('the dashboards for Grafana', () => {
  it('have panels that neither overlap nor share an id, and data from the source one chooses', async () => {
    for (const file of await readdir(DASHBOARDS)) {
      const text = await readFile(join(DASHBOARDS, file), 'utf8')
      const { panels, templating } = JSON.parse(text) as {
        panels: Panel[]
        templating: { list: { name: string }[] }
      }
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
      for (const [index, a] of panels.entries())
        for (const b of panels.slice(index + 1)) assert.ok(!overlap(a.gridPos, b.gridPos), a.title)
      const known = new Set(templating.list.map(({ name }) => name))
      for (const [, name = ''] of text.matchAll(/\$\{?([a-z]\w*)/g))
        assert.ok(known.has(name), name)
      assert.ok(!/"uid": "(?!\$\{datasource\}|wott-gateway-)/.test(text))
    }
  })
})

function overlap(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
