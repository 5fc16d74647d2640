import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { createAccess } from '../src/acl/access.ts'
import { lintAcl } from '../src/acl/lint.ts'
import { ERROR_CODES } from '../src/errors.ts'
import {
  BRIDGE_LOSSES,
  BRIDGE_RESULTS,
  CUT_REASONS,
  type DropReason,
  QUEUE_REASONS,
  STORE_LIMITS,
  UPLINK_DROPS,
  UPLINK_REFUSALS,
  UPLINK_RESULTS,
} from '../src/metrics/meter.ts'
import { createMetrics } from '../src/metrics/prometheus.ts'
import { createReadings } from '../src/metrics/readings.ts'
import { Reason } from '../src/mqtt/reasons.ts'
import { aclOf } from './support/acl.ts'

const DOCS = resolve(import.meta.dirname, '../docs')

const SEND_REASONS: readonly DropReason[] = ['slow_reader', 'packet_too_large']

describe('the docs', () => {
  it('explain each error code and its remedy', async () => {
    const text = await readFile(join(DOCS, 'troubleshooting.md'), 'utf8')
    const rows = text.split('\n').filter((line) => /^\| `/.test(line))
    for (const code of ERROR_CODES)
      assert.equal(rows.filter((row) => row.includes(`\`${code}\``)).length, 1, code)
  })

  it('explain the cause and the remedy of each MQTT reason code', async () => {
    const [causes, cures] = await Promise.all(['broker.md', 'troubleshooting.md'].map(reasonCodes))
    // only a client sends it
    causes?.delete('0x04')
    assert.deepEqual(cures, causes)
  })

  it('name each MQTT reason code that the gateway sends', async () => {
    const pages = ['broker.md', 'in-front-of-a-broker.md'].map((page) => readFile(join(DOCS, page)))
    const text = (await Promise.all(pages)).join()
    const sources = join(DOCS, '../src/mqtt')
    const files = (await readdir(sources)).map((file) => readFile(join(sources, file), 'utf8'))
    const code = (await Promise.all(files)).join()
    // with the packets that MQTT 3 has for it
    const { success, unsupportedProtocolVersion, ...rest } = Reason
    const sent = Object.entries(rest).filter(([name]) => code.includes(`Reason.${name}`))
    assert.ok(sent.length > 20, `${sent.length}`)
    for (const [name, value] of sent)
      assert.ok(text.includes(`0x${value.toString(16).toUpperCase()}`), name)
  })

  it('name every metric with all its reasons and limits', async () => {
    const text = await readFile(join(DOCS, 'monitoring.md'), 'utf8')
    const metrics = createMetrics(createReadings({ series: 1, ttlMs: 1 }), {
      version: '',
      node: '',
    })
    const { text: exposition, watchUplink, watchBridge, watchPresence } = metrics
    watchBridge({ isConnected: () => true, lag: () => 0, oldest: () => null })
    watchPresence({ topics: () => [], overflowed: () => 0, unannounced: () => 0 })
    watchUplink({
      state: () => 'connected',
      pending: () => ({ messages: 0, bytes: 0 }),
      subscriptions: () => 0,
      suspects: () => 0,
    })
    for (const [, name = ''] of (await exposition()).matchAll(/^# TYPE (wott_\w+)/gm))
      assert.match(text, new RegExp(`\`${name}[\`{]`), name)
    const reasons = [...CUT_REASONS, ...SEND_REASONS, ...QUEUE_REASONS, ...STORE_LIMITS]
    for (const reason of [...reasons, ...UPLINK_RESULTS, ...UPLINK_REFUSALS, ...UPLINK_DROPS])
      assert.ok(text.includes(`\`${reason}\``), reason)
    for (const reason of [...BRIDGE_RESULTS, ...BRIDGE_LOSSES])
      assert.ok(text.includes(`\`${reason}\``), reason)
  })

  it('have an ACL file that allows what Home Assistant, zigbee2mqtt and Node-RED do', async () => {
    const text = await readFile(join(DOCS, 'clients.md'), 'utf8')
    const [, file = ''] = /```acl\n([\s\S]*?)```/.exec(text) ?? []
    assert.deepEqual(lintAcl(Buffer.from(file)), [])
    const may = (user: string) =>
      createAccess(aclOf(file), { user: `${user}.d.wott.local`, clientId: user })
    for (const [user, both] of [
      ['home-assistant', ['homeassistant/status', 'zigbee2mqtt/lamp/set', 'zigbee2mqtt/lamp']],
      ['zigbee2mqtt', ['homeassistant/light/lamp/light/config', 'zigbee2mqtt/bridge/state']],
      ['node-red', ['zigbee2mqtt/lamp', 'zigbee2mqtt/lamp/set']],
    ] as const)
      for (const topic of both) {
        assert.ok(may(user).mayPublish(topic), `${user} ${topic}`)
        assert.ok(may(user).mayReceive(topic), `${user} ${topic}`)
      }
    assert.ok(!may('node-red').mayPublish('homeassistant/status'))
    assert.ok(!may('kitchen').mayReceive('zigbee2mqtt/lamp'))
  })

  it('have an architecture page that names every room, and only existing files', async () => {
    const text = await readFile(join(DOCS, 'architecture.md'), 'utf8')
    const entries = await readdir(join(DOCS, '../src'), { withFileTypes: true })
    for (const entry of entries) {
      const room = entry.isDirectory() ? `${entry.name}/` : entry.name
      assert.ok(text.includes(`\`${room}\``), room)
    }
    const files = (await readdir(join(DOCS, '..'), { recursive: true })).filter(
      (file) => !file.includes('node_modules'),
    )
    for (const [file] of text.matchAll(/[\w./-]+\.ts\b/g))
      assert.ok(
        files.some((path) => `/${path}`.endsWith(`/${file}`)),
        file,
      )
  })

  it('have an index of every page, and working links', async () => {
    const files = await readdir(DOCS)
    const pages = files.filter((file) => file.endsWith('.md'))
    const index = await readFile(join(DOCS, 'README.md'), 'utf8')
    for (const page of pages)
      if (page !== 'README.md')
        assert.ok(index.includes(`(${page})`), `${page} is not in the index`)
    for (const page of [...pages, '../README.md'])
      for (const [, target = '', heading] of (await readFile(join(DOCS, page), 'utf8')).matchAll(
        /\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g,
      )) {
        const file = target === '' ? join(DOCS, page) : join(DOCS, dirname(page), target)
        const text = await readFile(file, 'utf8').catch(() => null)
        assert.ok(text !== null, `${page} links to ${target}`)
        if (heading !== undefined)
          assert.ok(anchors(text).includes(heading), `${page} links to ${target}#${heading}`)
      }
  })
})

/** The codes in the first column of a page's tables. */
async function reasonCodes(page: string): Promise<Set<string>> {
  const text = await readFile(join(DOCS, page), 'utf8')
  const cells = [...text.matchAll(/^\| (0x[^|]+) \|/gm)].map(([, cell = '']) => cell)
  return new Set(cells.flatMap((cell) => cell.split(', ')).sort())
}

/** The anchors that GitHub makes of the headings of a page. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
