import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import { type Folder, type Program, startAny, temporaryFolder } from '../cli/program.ts'
import { eventSource, http1 } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { chosen, interpolate, labelValues, type Panel, readDashboards } from './dashboards.ts'
import { ROOT } from './dockerfile.ts'

const DEPLOY = join(ROOT, 'deploy/prometheus')
const CONFIG = join(DEPLOY, 'prometheus.yml')
const RULES = join(DEPLOY, 'wott-gateway.rules.yml')
/** The job of the configuration that scrapes the gateway. */
const GATEWAY = '{job="wott-gateway"}'
const dashboards = await readDashboards()

const promtool = (...args: string[]) => promisify(execFile)('promtool', args)

describe('the rules for alerts', () => {
  it('are valid for Prometheus, as is its configuration, for compose too', async () => {
    await promtool('check', 'config', CONFIG)
    await promtool('check', 'rules', RULES)
    const compose = parse(await readFile(join(ROOT, 'deploy/compose/prometheus.yml'), 'utf8'))
    const own = parse(await readFile(CONFIG, 'utf8'))
    assert.deepEqual(compose.rule_files, own.rule_files)
    assert.equal(compose.scrape_configs[0].job_name, own.scrape_configs[0].job_name)
  })

  it('fire when they should, and only then', async () => {
    const tests = ['wott-gateway', 'slow-alerts'].map((name) =>
      join(import.meta.dirname, `prometheus/${name}.rules.test.yml`),
    )
    await promtool('test', 'rules', ...tests)
    const { groups } = parse(await readFile(RULES, 'utf8'))
    const tested = (await Promise.all(tests.map((file) => readFile(file, 'utf8')))).join('')
    const pages = await readFile(join(ROOT, 'docs/monitoring.md'), 'utf8')
    for (const { alert, annotations } of groups[0].rules) {
      assert.ok(tested.includes(alert), alert)
      assert.equal(annotations.runbook, `docs/monitoring.md#${alert.toLowerCase()}`)
      assert.match(pages, new RegExp(`^### ${alert}$`, 'm'))
    }
  })
})

describe('a Prometheus that is configured as in deploy/', () => {
  let folder: Folder
  let at: TestGateway
  let prometheus: Program
  let api: string

  before(async () => {
    folder = await temporaryFolder()
    at = await startGateway({
      acl: 'pattern readwrite %u/#\n',
      settings: {
        broker: `file:${join(folder.path, 'store')}`,
        // nobody is there, which is no reason for an alarm
        bridge: `mqtt://127.0.0.1:${await freePort()}`,
      },
    })
    const port = await freePort()
    api = `http://127.0.0.1:${port}/api/v1`
    const config = parse(await readFile(CONFIG, 'utf8'))
    config.global.scrape_interval = '1s'
    config.rule_files = [RULES]
    const [gateway, enrol] = config.scrape_configs
    gateway.static_configs = [{ targets: [`127.0.0.1:${at.ports.ops}`] }]
    // not the port of the file, where another test may have started one; nobody uses port 1
    enrol.static_configs = [{ targets: ['127.0.0.1:1'] }]
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

  async function get<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${api}/${path}`)).json()) as {
      readonly status: string
      readonly data: T
      readonly error?: string
    }
    assert.equal(answer.status, 'success', `${answer.error}: ${path}`)
    return answer.data
  }

  interface Sample {
    readonly metric: Record<string, string>
    readonly value: readonly [time: number, value: string]
  }

  /** The samples that are numbers: a quantile without data is NaN, which a panel does not show. */
  async function ask(query: string): Promise<Sample[]> {
    const { result } = await get<{ result: Sample[] }>(`query?query=${encodeURIComponent(query)}`)
    return result.filter(({ value }) => value[1] !== 'NaN')
  }

  /** How many have succeeded: on a busy machine, one may take longer than its interval. */
  async function scrapes(): Promise<number> {
    const [count] = await ask(`sum_over_time(up${GATEWAY}[1h])`)
    return Number(count?.value[1] ?? 0)
  }

  /** Polls until a query has a result, as there is no event for a scrape. A few scrapes must be enough. */
  async function answered(query: string): Promise<Sample[]> {
    for (const first = await scrapes(); ; ) {
      const found = await ask(query)
      if (found.length > 0) return found
      if ((await scrapes()) > first + 4) throw new Error(`no data for ${query}`)
      await setTimeout(100)
    }
  }

  it('accepts the metrics without a warning', async () => {
    const linted = startAny('promtool', ['check', 'metrics'], { input: await at.metrics() })
    const { code, stdout, stderr } = await linted.ended
    assert.deepEqual({ code, said: `${stdout}${stderr}` }, { code: 0, said: '' })
  })

  it('has values for every variable and data for every panel of every dashboard', async () => {
    const device = await at.pki.issue('kitchen')
    using events = await eventSource(at, device, '/stream?filter=kitchen/%23')
    // from here on, rates know an earlier value of each counter
    await answered(`up${GATEWAY} == 1`)
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
    await answered('wott_reading')
    for (const { file, variables, panels } of dashboards) {
      const all = new Map<string, string>()
      const one = new Map<string, string>()
      for (const { name, type, query, allValue } of variables) {
        if (type !== 'query') continue
        const { selector, label } = labelValues(query.query)
        for (const values of [all, one]) {
          const match = encodeURIComponent(interpolate(selector, values))
          const found = await get<string[]>(`label/${label}/values?match[]=${match}`)
          assert.ok(found[0], `${file}: ${name} has no values`)
          values.set(name, values === all ? allValue : chosen(found[0]))
        }
      }
      for (const { title, targets = [] } of panels)
        for (const { expr } of targets.filter((target) => 'expr' in target))
          for (const values of [all, one])
            await answered(interpolate(expr, values)).catch((error) =>
              assert.fail(`${file}, ${title}: ${error.message}`),
            )
    }
  })

  it('rejects a query with a typing error', async () => {
    await assert.rejects(answered('wott_raeding{device=~".*"}'), /no data for wott_raeding/)
    await assert.rejects(answered('sum by (door (wott_streams)'), /parse error/)
  })

  it('sees the readings of a device, and fires no alert', async () => {
    const [reading] = await answered('wott_reading == 21.5')
    assert.equal(reading?.metric.device, 'kitchen')
    assert.deepEqual(await ask('ALERTS{alertstate="firing"}'), [])
  })
})

describe('the dashboards for Grafana', () => {
  it('have panels that neither overlap nor share an id, and a selectable data source', () => {
    for (const { panels, text, variables } of dashboards) {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
      for (const [index, a] of panels.entries())
        for (const b of panels.slice(index + 1)) assert.ok(!overlap(a.gridPos, b.gridPos), a.title)
      const known = new Set(variables.map(({ name }) => name))
      for (const [, name = ''] of text.matchAll(/\$\{?([a-z]\w*)/g))
        assert.ok(known.has(name), name)
      assert.ok(!/"uid": "(?!\$\{datasource\}|wott-gateway-)/.test(text))
    }
  })
})

function overlap(a: Panel['gridPos'], b: Panel['gridPos']): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}
