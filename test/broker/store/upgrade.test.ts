import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { asPublished } from '../contract.ts'
import { asSchema6, type OldSchema, writeOldStore } from './old-schemas.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import type { TestBroker } from './test-broker.ts'
import { receive, release } from './traffic.ts'

const HOUR = 3_600
const NOW = 1_800_000_000_000
const settings = { now: () => NOW, limits: { sessionExpirySeconds: HOUR } }

for (const schema of [1, 2, 3] as const)
  test(`the store of an older gateway is upgraded with all its content: schema ${schema}`, async () => {
    const directory = temporaryDirectory()
    const file = join(directory, 'broker.sqlite')
    writeOldStore(file, schema, NOW)
    const before = await openFile(directory, settings)
    await checkRetained(before, schema)
    await checkSessions(before)
    await checkQueues(before, schema)
    checkWills(before, schema)
    await before.crash()

    // the upgraded store is like a new one
    const db = new DatabaseSync(file)
    assert.equal(db.prepare('PRAGMA user_version').get()?.user_version, 7)
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
    const layout = tables.map(({ name }) => [name, columnsOf(db, String(name))])
    db.close()
    assert.deepEqual(Object.fromEntries(layout), await newLayout())
    await checkUse(directory)
  })

test('messages of schema 6 keep all their fields, and count as measured when they arrived', async () => {
  const directory = temporaryDirectory()
  const file = join(directory, 'broker.sqlite')
  const before = await openFile(directory, settings)
  await before.publish('a', '1', { retain: true, properties: { contentType: 'text/plain' } })
  await before.publish('a', '2', { time: NOW - 1, received: NOW - 1 })
  await before.broker.close()
  asSchema6(file)

  const at = await openFile(directory, settings)
  await at.publish('a', '3', { time: NOW - 90_000, received: NOW })
  const range = { filters: ['#'], newestFirst: false }
  const page = await at.store.log.read({ ...range, after: 0, upTo: 1e15 })
  assert.equal(page.damaged?.length, 0)
  assert.deepEqual(
    page.deliveries.map(({ payload, time, received }) => [String(payload), time, received]),
    [
      ['1', 1_700_000_000_000, 1_700_000_000_000],
      ['2', NOW - 1, NOW - 1],
      ['3', NOW - 90_000, NOW],
    ],
  )
  assert.deepEqual((await at.broker.retained('a'))[0]?.properties, { contentType: 'text/plain' })
  const after = { time: 0, number: 0 }
  const late = await at.store.log.readLate({ ...range, after, from: 0, to: NOW })
  assert.deepEqual(
    late.deliveries.map(({ payload }) => String(payload)),
    ['3'],
  )
})

/** The MQTT 5 properties of some of the messages. */
const plain = (schema: OldSchema) => (schema === 3 ? { contentType: 'text/plain' } : null)

async function checkRetained({ broker, store }: TestBroker, schema: OldSchema): Promise<void> {
  const found = await broker.retained('#')
  // by their time, which was not always known
  assert.deepEqual(found.map(asPublished), [
    {
      topic: 'b',
      payload: Buffer.from('2'),
      qos: 0,
      device: null,
      time: 0,
      received: 0,
      retain: true,
      properties: null,
      expires: null,
    },
    {
      topic: 'a',
      payload: Buffer.from('1'),
      qos: 1,
      device: 'd1',
      time: 1_700_000_000_000,
      received: 1_700_000_000_000,
      retain: true,
      properties: plain(schema),
      expires: schema === 3 ? 9e12 : null,
    },
  ])
  // in the log after all queued messages, and before all new ones
  const numbers = [14, ...found.map(({ sequence }) => sequence), store.log.start() + 1]
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].toSorted((a, b) => a - b),
  )
}

async function checkSessions({ store }: TestBroker): Promise<void> {
  const subscriptions = (client: string) =>
    [...(store.sessions.find(client)?.subscriptions.values() ?? [])].map(
      ({ filter, qos, noLocal, retainAsPublished, identifier, share }) => [
        ...[filter, qos, noLocal, retainAsPublished, identifier, share],
      ],
    )
  assert.deepEqual(subscriptions('d1/away'), [
    ['#', 2, false, false, 0, null],
    ['x', 1, true, true, 5, null],
  ])
  assert.deepEqual(subscriptions('d1/there'), [['y/+', 0, false, false, 0, null]])
  // all sessions had the same expiry; for connected ones it begins now
  const lasting = [...store.sessions.all()].map((session) => [
    ...[session.client, session.expiry, store.sessions.isExpired(session)],
  ])
  assert.deepEqual(lasting, [
    ['d1/away', HOUR, false],
    ['d1/there', HOUR, false],
    ['d2/old', HOUR, true],
  ])
}

async function checkQueues(at: TestBroker, schema: OldSchema): Promise<void> {
  const away = at.store.sessions.find('d1/away')?.queue.admitted() ?? []
  assert.deepEqual(
    away.map(({ message, qos, packetId, isReleased, retain, identifiers }) => [
      ...[String(message?.payload ?? 'PUBREL'), qos, packetId, isReleased, retain, identifiers],
    ]),
    [
      ['PUBREL', 2, 78, true, false, null],
      ['10', 2, 77, false, false, null],
      ['12', 1, 0, false, schema !== 1, schema === 3 ? [3, 4] : null],
      ['14', 1, 0, false, false, null],
    ],
  )
  assert.deepEqual(
    away.map(({ message }) => message && [message.topic, message.device, message.properties]),
    [null, ['x', 'd1', null], ['y', 'd2', plain(schema)], ['y', null, null]],
  )
  const there = await at.connect('d1/there')
  assert.equal(there.isPresent, true)
  assert.deepEqual(there.queued(), ['14'])
  // topics and payloads, each counted once
  assert.equal(at.store.stats().queuedBytes, schema === 3 ? 9 + 'text/plain'.length : 9)
  assert.equal(await receive(at, there, 7, 'a DUP'), false)
  await release(at, there, 7)
  assert.equal(await receive(at, there, 7, 'new', { topic: '$x' }), true)
  assert.equal((await at.connect('d9/gone')).session.arrivals.size, 0)
}

function checkWills({ store }: TestBroker, schema: OldSchema): void {
  const wills = [...store.wills.all()].map(({ client, will, due }) => [
    ...[client, String(will.message.payload), will.message.qos, will.message.retain],
    ...[will.message.properties, will.messageExpiry, will.delay, due],
  ])
  // the will of the client that came back is gone
  assert.deepEqual(wills, [
    [
      'd3/clean',
      '18',
      0,
      false,
      ...(schema === 3 ? [plain(schema), 60, 5] : [null, null, 0]),
      null,
    ],
  ])
}

/** Checks that everything can be written and read again. */
async function checkUse(directory: string): Promise<void> {
  const before = await openFile(directory, settings)
  const properties = { contentType: 'text/plain' }
  const will = {
    message: { topic: 'gone', payload: Buffer.from('1'), qos: 1, retain: false, properties },
    messageExpiry: 60,
    delay: 5,
  } as const
  const away = await before.connect('d1/away', { expiry: 77, will })
  await before.publish('z', 'new', { retain: true, properties, expires: NOW + 1 })
  await away.subscribe('w', 1, { identifier: 9 })
  await before.crash()

  const at = await openFile(directory, settings)
  assert.deepEqual(at.store.wills.get('d1/away')?.will, will)
  assert.equal(at.store.sessions.find('d1/away')?.expiry, 77)
  const again = await at.connect('d1/away')
  assert.deepEqual(again.queued(), ['PUBREL', '10', '12', '14', 'new'])
  assert.deepEqual(again.entries().at(-1)?.message?.properties, properties)
  assert.equal(again.session.subscriptions.get('w')?.identifier, 9)
  assert.deepEqual((await at.broker.retained('z'))[0]?.properties, properties)
}

/** The columns of each table in a store that this gateway makes. */
async function newLayout(): Promise<Record<string, unknown>> {
  const directory = temporaryDirectory()
  await (await openFile(directory)).broker.close()
  const db = new DatabaseSync(join(directory, 'broker.sqlite'))
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  const layout = tables.map(({ name }) => [name, columnsOf(db, String(name))])
  db.close()
  return Object.fromEntries(layout)
}

function columnsOf(db: DatabaseSync, table: string): unknown[] {
  return db
    .prepare(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name, type }) => `${name} ${type}`)
}
