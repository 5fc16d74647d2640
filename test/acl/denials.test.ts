import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDenials, type Denial } from '../../src/acl/denials.ts'
import { http1, mqtt } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'

const DENIAL: Denial = { door: 'mqtt', id: 'alice', action: 'publish', topic: 'a' }

function start() {
  const lines: Record<string, unknown>[] = []
  const clock = { time: 1_000_000 }
  const log = { warn: (fields: object) => void lines.push({ ...fields }) }
  const denials = createDenials(log as never, () => clock.time)
  return { lines, clock, note: denials.note }
}

describe('denials', () => {
  it('are logged once a minute for each user, action, topic and door', () => {
    const { lines, clock, note } = start()
    for (let count = 0; count < 100; count++) note(DENIAL)
    for (const other of [
      { door: 'device' },
      { id: 'bob' },
      { action: 'receive' },
      { topic: 'b' },
    ] as const)
      note({ ...DENIAL, ...other })
    assert.equal(lines.length, 5)
    clock.time += 60_000
    note(DENIAL)
    const { id: device, ...rest } = DENIAL
    assert.deepEqual(lines[5], { ...rest, device, repeated: 99 })
  })

  it('are remembered up to a bound, however many topics a client invents', () => {
    const { lines, note } = start()
    for (let count = 0; count < 20_000; count++) note({ ...DENIAL, topic: `t${count}` })
    note({ ...DENIAL, topic: 't19999' })
    note({ ...DENIAL, topic: 't0' })
    // a hundred topics, then one line that says there are more
    assert.equal(lines.length, 101)
    assert.deepEqual(lines[100], { door: 'mqtt', device: 'alice', action: 'publish' })
    note({ ...DENIAL, id: 'bob' })
    assert.equal(lines.length, 102)
  })

  it('of new topics are logged again in the next minute', () => {
    const { lines, clock, note } = start()
    for (let count = 0; count < 200; count++) note({ ...DENIAL, topic: `t${count}` })
    clock.time += 60_000
    note({ ...DENIAL, topic: 'new' })
    assert.equal(lines.at(-1)?.topic, 'new')
  })

  it('show only the beginning of a long topic, but tell two long topics apart', () => {
    const { lines, note } = start()
    for (const end of ['a', 'b', 'a']) note({ ...DENIAL, topic: `${'x'.repeat(60_000)}${end}` })
    assert.deepEqual(
      lines.map(({ topic }) => String(topic)),
      Array(2).fill(`${'x'.repeat(256)}…`),
    )
  })
})

it('a running gateway logs each kind of denial once', async () => {
  await using at = await startGateway({ acl: 'user device.d.wott.local\ntopic write nothing\n' })
  const device = await at.pki.issue('device.d.wott.local')
  const client = await mqtt(at, device)
  for (let count = 0; count < 3; count++) {
    await client.publishAsync('a', 'x', { qos: 1 })
    await http1(at, device, { method: 'POST', path: '/topics/b', body: 'x' })
    await http1(at, device, { path: '/topics/c' })
    await http1(at, device, { path: '/stream?filter=d' })
  }
  await client.endAsync()
  const denied = at.log.filter(({ msg }) => msg === 'denied by the access control file')
  assert.deepEqual(
    denied.map(({ door, device, action, topic }) => [door, device, action, topic]),
    [
      ['mqtt', 'device.d.wott.local', 'publish', 'a'],
      ['device', 'device.d.wott.local', 'publish', 'b'],
      ['device', 'device.d.wott.local', 'receive', 'c'],
      ['device', 'device.d.wott.local', 'receive', 'd'],
    ],
  )
})
