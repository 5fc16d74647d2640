import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { eventSource, http1, mosquittoPub, mosquittoSub, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

describe('the ops door', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\nuser nobody\ntopic read a\n' })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  const get = (path: string, init = {}) => fetch(`http://127.0.0.1:${at.ports.ops}${path}`, init)
  const post = (topic: string, body: string) =>
    http1(at, device, { path: `/topics/${encodeURIComponent(topic)}`, method: 'POST', body })

  it('serves metrics in the Prometheus format', async () => {
    const response = await get('/metrics')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    const lines = (await response.text()).split('\n')
    assert.equal(lines.at(-1), '')
    for (const line of lines.filter((text) => text !== ''))
      assert.match(line, /^(# (HELP|TYPE) \w+ \S.*|\w+(\{.*\})? (-?[\d.e+-]+|NaN|\+Inf|-Inf))$/)
  })

  it('has every documented metric with its type', async () => {
    const text = await at.metrics()
    for (const [name, type] of [
      ['wott_build_info', 'gauge'],
      ['wott_publishes_total', 'counter'],
      ['wott_publish_duration_seconds', 'histogram'],
      ['wott_deliveries_total', 'counter'],
      ['wott_deliveries_dropped_total', 'counter'],
      ['wott_connections', 'gauge'],
      ['wott_handshakes_total', 'counter'],
      ['wott_streams', 'gauge'],
      ['wott_acl_rules', 'gauge'],
      ['wott_acl_last_reload_successful', 'gauge'],
      ['wott_acl_last_reload_success_timestamp_seconds', 'gauge'],
      ['wott_certificate_expiry_timestamp_seconds', 'gauge'],
      ['wott_reading', 'gauge'],
      ['wott_device_last_seen_timestamp_seconds', 'gauge'],
      ['process_cpu_seconds_total', 'counter'],
      ['nodejs_eventloop_lag_seconds', 'gauge'],
    ] as const)
      assert.ok(text.includes(`# TYPE ${name} ${type}\n`), name)
  })

  it('reports the version that is running', async () => {
    assert.match(
      await at.metrics(),
      new RegExp(`^wott_build_info\\{version="[\\d.]+[^"]*",node="${process.version}"\\} 1$`, 'm'),
    )
  })

  it('counts connections, handshakes and streams as they come and go', async () => {
    const [connections, full, streams] = [
      'wott_connections{door="device"}',
      'wott_handshakes_total{door="device",result="full"}',
      'wott_streams{door="device"}',
    ]
    const before = await at.metric(full)
    const events = await eventSource(at, device, '/topics/a')
    assert.equal(await at.metric(connections), 1)
    assert.equal(await at.metric(full), (before ?? 0) + 1)
    assert.equal(await at.metric(streams), 1)
    events[Symbol.dispose]()
    await at.until(connections, 0)
    assert.equal(await at.metric(streams), 0)
  })

  it('counts what is published and delivered, by door', async () => {
    const accepted = (door: string) =>
      at.metric(`wott_publishes_total{door="${door}",qos="0",result="accepted"}`)
    const delivered = (door: string) => at.metric(`wott_deliveries_total{door="${door}"}`)
    const counts = async () => [
      ...[await accepted('device'), await accepted('mqtt')],
      ...[await delivered('device'), await delivered('mqtt')],
    ]
    const before = (await counts()).map((count) => count ?? 0)
    using events = await eventSource(at, device, '/topics/counted')
    await using lines = await mosquittoSub(at, device, 'counted')
    await post('counted', '1')
    await mosquittoPub(at, device, 'counted', '2')
    for (const expected of ['counted 1', 'counted 2']) {
      await events.next()
      assert.equal(await lines.next(), expected)
    }
    assert.deepEqual(
      (await counts()).map((count, index) => (count ?? 0) - (before[index] ?? 0)),
      [1, 1, 2, 2],
    )
    const took = 'wott_publish_duration_seconds_count{door="device"}'
    assert.notEqual(await at.metric(took), 0)
  })

  it('shows the last number of each device and topic, and when each device was last heard', async () => {
    const earliest = Date.now() / 1000
    await post('wott/temperature', '21.5')
    await post('wott/temperature', ' 22.5\n')
    await post('wott/state', 'on')
    const client = await mqtt(at, device)
    await client.publishAsync('wott/humidity', '40', { qos: 1 })
    await client.endAsync()
    const reading = (topic: string) => at.metric(`wott_reading{device="device",topic="${topic}"}`)
    assert.equal(await reading('wott/temperature'), 22.5)
    assert.equal(await reading('wott/humidity'), 40)
    assert.equal(await reading('wott/state'), undefined)
    const seen = await at.metric('wott_device_last_seen_timestamp_seconds{device="device"}')
    assert.ok(seen !== undefined && seen >= earliest && seen <= Date.now() / 1000)
  })

  it('escapes topics in labels', async () => {
    await post('a"} 7 wott_build_info{x="\\', '1')
    const line = (await at.metrics()).split('\n').find((text) => text.includes('topic="a'))
    assert.equal(line, 'wott_reading{device="device",topic="a\\"} 7 wott_build_info{x=\\"\\\\"} 1')
  })

  it('reports the last reload of the access control file', async () => {
    const [rules, successful, time] = [
      'wott_acl_rules',
      'wott_acl_last_reload_successful',
      'wott_acl_last_reload_success_timestamp_seconds',
    ]
    assert.deepEqual([await at.metric(rules), await at.metric(successful)], [2, 1])
    const before = (await at.metric(time)) ?? 0
    assert.ok(before > 0)
    await writeFile(at.aclFile, 'nonsense\n')
    await at.gateway.reload()
    assert.deepEqual([await at.metric(rules), await at.metric(successful)], [2, 0])
    assert.equal(await at.metric(time), before)
    // it continues with the old rules, and reports that
    const pending = 'wott_reload_pending{file="acl"}'
    assert.equal(await at.metric(pending), 1)
    const ready = await get('/readyz')
    assert.equal(ready.status, 200)
    const { status, checks } = (await ready.json()) as { status: string; checks: { files: string } }
    assert.equal(status, 'degraded')
    assert.match(checks.files, /permission\.acl:1:1 /)
    await writeFile(at.aclFile, 'pattern readwrite #\n')
    await at.gateway.reload()
    assert.deepEqual([await at.metric(rules), await at.metric(successful)], [1, 1])
    assert.equal(await at.metric(pending), 0)
    assert.ok(((await at.metric(time)) ?? 0) > before)
  })

  it('reports when certificates expire', async () => {
    const ends = (certificate: string) =>
      at.metric(`wott_certificate_expiry_timestamp_seconds{certificate="${certificate}"}`)
    const own = await at.pki.issue('gateway.d.wott.local', { names: ['127.0.0.1', 'localhost'] })
    await at.gateway.reload()
    assert.equal(await ends('server'), own.notAfter / 1000)
    assert.equal(await ends('ca'), at.pki.authority.notAfter / 1000)
    assert.equal(await ends('crl'), at.pki.authority.notAfter / 1000)
  })

  it('reports alive and ready', async () => {
    const alive = await get('/livez')
    assert.equal(alive.status, 200)
    assert.match(String(alive.headers.get('content-type')), /^application\/json\b/)
    assert.deepEqual(await alive.json(), { status: 'ok', checks: { event_loop: 'ok' } })
    const ready = await get('/readyz')
    assert.equal(ready.status, 200)
    assert.deepEqual(await ready.json(), {
      status: 'ok',
      checks: {
        doors: 'ok',
        broker: 'ok',
        store: 'ok',
        certificates: 'ok',
        draining: 'ok',
        files: 'ok',
      },
    })
  })

  it('answers any other request with a problem', async () => {
    for (const [path, init, status, expected] of [
      ['/', {}, 404, 'not_found'],
      ['/%zz', {}, 404, 'not_found'],
      ['/topics/a', { method: 'POST', body: '1' }, 404, 'not_found'],
      ['/metrics', { method: 'POST', body: 'x' }, 405, 'method_not_allowed'],
    ] as const) {
      const response = await get(path, init)
      assert.equal(response.status, status, path)
      assert.equal(response.headers.get('allow'), status === 405 ? 'GET, HEAD' : null)
      assert.match(String(response.headers.get('content-type')), /^application\/problem\+json\b/)
      const { code, traceId } = (await response.json()) as { code: string; traceId: string }
      assert.equal(code, expected)
      assert.equal(traceId, response.headers.get('x-request-id'))
    }
  })
})
