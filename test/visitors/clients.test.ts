import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ClientLink } from '../../src/broker/session.ts'
import { listClients } from '../../src/visitors/clients.ts'
import { openMqtt } from '../support/broker.ts'

const CLIENTS = 10_000

const LINK: ClientLink = {
  isOpen: () => true,
  hasRoom: () => true,
  whereabouts: () => ({ door: 'mqtt', address: '192.0.2.1', protocol: '5', since: 0 }),
  deliver() {},
  wake() {},
  end() {},
}

it('thousands of clients are listed in small steps, which do not block the event loop', async () => {
  const { broker } = await openMqtt('memory:', '')
  const terms = { cleanStart: true, expiry: 0, will: null, link: LINK }
  for (let n = 0; n < CLIENTS; n++)
    await broker.sessions.open({ client: `device-${n}/probe`, ...terms })
  const present = {
    sessions: broker.sessions,
    hub: { readers: () => [] },
    connections: { all: () => [] },
    proxied: () => [],
    certificateEnd: () => undefined,
  }
  let turns = 0
  const count = () => {
    turns += 1
    turning = setImmediate(count)
  }
  let turning = setImmediate(count)
  const seen = new Set<string | undefined>()
  let largest = 0
  for await (const rows of listClients(present, null)) {
    largest = Math.max(largest, rows.length)
    for (const { device } of rows) seen.add(device)
  }
  const all = turns
  const found: unknown[] = []
  for await (const rows of listClients(present, new Set(['device-9999']))) found.push(...rows)
  clearImmediate(turning)
  await broker.close()
  assert.deepEqual([seen.size, largest, found.length], [CLIENTS, 25, 1])
  assert.ok(all >= CLIENTS / 25 - 1, `${all} turns`)
  assert.ok(turns - all >= 9, `${turns - all} turns`)
})
