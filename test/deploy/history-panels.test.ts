import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { connectAsync } from 'mqtt'
import { parse } from 'yaml'
import { PROGRAM, type Running, run, startGateway } from '../cli/program.ts'
import { createSite, type Site } from '../cli/site.ts'
import { type HistoryTarget, interpolate, readDashboards } from './dashboards.ts'
import { ROOT } from './dockerfile.ts'

const compose = parse(await readFile(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true })
const DATASOURCES = join(ROOT, 'deploy/grafana/provisioning/datasources/history.yml')
const [datasource] = parse(await readFile(DATASOURCES, 'utf8')).datasources
const FILES = '/etc/wott-gateway'

/** The rows of an answer as the plugin reads them, by the selectors of columns. */
function rowsOf(
  { type, root_selector: root }: HistoryTarget,
  text: string,
): Record<string, unknown>[] {
  if (type === 'json') return JSON.parse(text)[root]
  const [header = '', ...lines] = text.trimEnd().split('\r\n')
  const names = header.split(',')
  // no payload here has a comma
  return lines
    .filter((line) => !line.startsWith('#'))
    .map((line) => Object.fromEntries(line.split(',').map((cell, index) => [names[index], cell])))
}

describe('the dashboard of the history', () => {
  let site: Site
  let identity: string
  let at: Running

  before(async () => {
    site = await createSite()
    identity = join(site.path, 'identity')
    await mkdir(identity, { mode: 0o700 })
    const bin = join(site.path, 'bin')
    await mkdir(bin)
    await writeFile(
      join(bin, 'wott-gateway'),
      `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`,
    )
    await chmod(join(bin, 'wott-gateway'), 0o755)
    const { entrypoint, command } = compose.services['grafana-identity']
    const [shell, ...flags] = entrypoint as [string, ...string[]]
    const script = String(command[0])
      .replaceAll('/site', site.layout.directory)
      .replaceAll('/data', identity)
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
    // once more as after a restart
    for (const _ of [1, 2]) await promisify(execFile)(shell, [...flags, script], { env })
    at = await startGateway(site.serveBut({}))
    const sensor = join(site.layout.devices, 'sensor')
    for (const payload of ['20', '22', '{"temperature":23}']) {
      const via = ['--certs', sensor, '--port', String(at.ports.device)]
      const { code, stderr } = await run(['pub', 'wott/temperature', payload, ...via])
      assert.equal(code, 0, stderr)
    }
  })
  after(async () => {
    await at[Symbol.asyncDispose]()
    await site[Symbol.asyncDispose]()
  })

  /** The content of the file in the setting `name` of the data source. */
  async function secret(name: string, from = datasource): Promise<string> {
    const [, path = ''] = /^\$__file\{(.+)\}$/.exec(from.secureJsonData[name]) ?? []
    assert.ok(path.startsWith(`${FILES}/`), name)
    return readFile(join(identity, path.slice(FILES.length)), 'utf8')
  }

  /** Sends a request as Grafana does, with its certificate. */
  async function ask(path: string): Promise<{ status: number; text: string }> {
    const [ca, cert, key] = await Promise.all(
      ['tlsCACert', 'tlsClientCert', 'tlsClientKey'].map((name) => secret(name)),
    )
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    request(
      { host: 'localhost', port: at.ports.device, path, ca, cert, key, agent: false },
      (response) => {
        Array.fromAsync<Buffer>(response).then(
          (parts) => resolve({ status: response.statusCode ?? 0, text: `${Buffer.concat(parts)}` }),
          reject,
        )
      },
    )
      .on('error', reject)
      .end()
    return promise
  }

  it('has rows for each of its panels, in the columns of the panel', async () => {
    const dashboards = await readDashboards()
    const { panels, text } = dashboards.find(({ file }) => file === 'history.json') ?? assert.fail()
    const values = new Map<string, string>()
    for (const { type, name, query } of JSON.parse(text).templating.list)
      if (type === 'textbox') values.set(name, query)
    const now = Date.now()
    values.set('__from', String(now - 6 * 3_600_000)).set('__to', String(now + 60_000))
    values.set('__interval', '20s')
    assert.equal(panels.length, 5)
    for (const { title, targets = [] } of panels) {
      const [target] = targets as HistoryTarget[]
      assert.ok(target)
      const params = target.url_options.params.map(({ key, value }) => [
        key,
        interpolate(value, values),
      ])
      const query = new URLSearchParams(params as [string, string][])
      const answer = await ask(`${target.url}?${query}`)
      assert.equal(answer.status, 200, `${title}: ${answer.text}`)
      const rows = rowsOf(target, answer.text)
      assert.ok(rows.length > 0, `${title} has no rows`)
      for (const row of rows)
        for (const { selector, type } of target.columns) {
          const value: unknown = row[selector]
          assert.ok(value !== undefined && value !== '', `${title}: no ${selector}`)
          if (type === 'number') assert.ok(Number(value) >= 20, `${title}: ${selector} ${value}`)
          if (type === 'timestamp') assert.ok(Date.parse(String(value)) > now - 3_600_000)
        }
    }
  })

  it('has live panels beside it, with the data source of the docs', async () => {
    const docs = await readFile(join(ROOT, 'docs/monitoring.md'), 'utf8')
    const [, yaml = ''] = /^```yaml\n(.+?)^```$/ms.exec(docs) ?? []
    const [live] = parse(yaml).datasources
    const { uri, clientID } = live.jsonData
    assert.match(uri, /^tls:.*:8883$/)
    const [ca, cert, key] = await Promise.all(
      ['tlsCACert', 'tlsClientCert', 'tlsClientKey'].map((name) => secret(name, live)),
    )
    // connects as the plugin does
    const client = await connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: at.ports.mqtt,
      clientId: clientID,
      protocolVersion: 4,
      clean: false,
      reconnectPeriod: 0,
      ca: ca ?? '',
      cert: cert ?? '',
      key: key ?? '',
    })
    const [granted] = await client.subscribeAsync('wott/+', { qos: 0 })
    assert.equal(granted?.qos, 0)
    const { promise, resolve } = Promise.withResolvers<string>()
    client.on('message', (topic, payload) => resolve(`${topic} ${payload}`))
    const via = ['--certs', join(site.layout.devices, 'sensor'), '--port', String(at.ports.device)]
    assert.equal((await run(['pub', 'wott/temperature', '24', ...via])).code, 0)
    assert.equal(await promise, 'wott/temperature 24')
    await client.endAsync()
  })

  it('has a data source with everything it needs in the compose file', () => {
    const { environment, volumes } = compose.services.grafana
    assert.equal(datasource.url, '$HISTORY_URL')
    assert.deepEqual(datasource.jsonData.allowedHosts, [datasource.url])
    assert.equal(environment.HISTORY_URL, 'https://gateway:8443')
    assert.match(
      String(compose.services.init.command),
      /--name gateway /,
      'a name in its certificate',
    )
    assert.ok(String(environment.GF_PLUGINS_PREINSTALL).startsWith(`${datasource.type}@`))
    assert.ok(volumes.includes(`grafana-identity:${FILES}:ro`))
  })

  it('reads only what its rules allow', async () => {
    assert.equal((await ask('/history?filter=other/%23')).status, 403)
  })
})
