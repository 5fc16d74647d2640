import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { TestClient } from './clients.ts'
import { createTally, KINDS, openFile, openManual, temporaryDirectory } from './stores.ts'
import type { TestBroker } from './test-broker.ts'

const MEMBERS = Array.from({ length: 9 }, (_, n) => `member${n}`)

/** Sessions with the same subscription. */
async function join(at: TestBroker, names: readonly string[] = MEMBERS): Promise<TestClient[]> {
  const clients = await Promise.all(names.map((name) => at.connect(name)))
  await Promise.all(clients.map((client) => client.subscribe('#', 1)))
  return clients
}

async function joinAndLeave(at: TestBroker): Promise<void> {
  for (const client of await join(at)) client.leave()
}

async function queuedBy(at: TestBroker, name: string): Promise<string[]> {
  const client = await at.connect(name)
  const queued = client.queued()
  client.leave()
  return queued
}

for (const { name, open } of KINDS)
  describe(`a message that waits for many absent sessions, ${name}`, () => {
    test('is in the queue of each, in order', async () => {
      const at = await open()
      await joinAndLeave(at)
      for (const payload of ['1', '2', '3']) await at.publish('x', payload)
      assert.equal(at.store.stats().queuedBytes, 6)
      const [first, second] = [await at.connect('member0'), await at.connect('member1')]
      await at.publish('x', '4')
      assert.deepEqual(first.queued(), ['1', '2', '3', '4'])
      first.acknowledge(...first.send())
      first.leave()
      second.leave()
      await at.publish('x', '5')
      assert.deepEqual(await queuedBy(at, 'member0'), ['5'])
      for (const member of MEMBERS.slice(1))
        assert.deepEqual(await queuedBy(at, member), ['1', '2', '3', '4', '5'])
    })

    test('is dropped, oldest first, where a queue is full, and counted', async () => {
      const { counts, onBound } = createTally()
      const at = await open({ limits: { messagesPerSession: 3 }, onBound })
      await joinAndLeave(at)
      for (const payload of ['1', '2', '3', '4', '5']) await at.publish('x', payload)
      for (const member of MEMBERS) assert.deepEqual(await queuedBy(at, member), ['3', '4', '5'])
      assert.deepEqual(counts, { queue_messages: 2 * MEMBERS.length })
      assert.equal(at.store.stats().queuedBytes, 6)
    })

    test('is refused by each queue where queues refuse, and where it is too large', async () => {
      const { counts, onBound } = createTally()
      const limits = { messagesPerSession: 1, bytesPerSession: 5, whenFull: 'refuse' } as const
      const at = await open({ limits, onBound })
      await joinAndLeave(at)
      for (const payload of ['123456', '1', '2']) await at.publish('x', payload)
      for (const member of MEMBERS) assert.deepEqual(await queuedBy(at, member), ['1'])
      assert.deepEqual(counts, { queue_bytes: MEMBERS.length, queue_messages: MEMBERS.length })
    })

    test('expires in all queues at once', async () => {
      const { counts, onBound } = createTally()
      let time = 1_000
      const at = await open({ limits: { messageExpiryMs: 500 }, onBound, now: () => time })
      await joinAndLeave(at)
      await at.publish('x', 'soon', { expires: 1_100 })
      await at.publish('x', 'later')
      const early = await at.connect('member0')
      early.leave()
      time = 1_200
      at.store.expireMessages()
      assert.deepEqual(counts, { message_expired: MEMBERS.length })
      assert.deepEqual(await queuedBy(at, 'member0'), ['later'])
      assert.deepEqual(await queuedBy(at, 'member1'), ['later'])
      time = 1_600
      at.store.expireMessages()
      assert.deepEqual(await queuedBy(at, 'member1'), [])
      assert.equal(at.store.stats().queuedBytes, 0)
    })

    test('is freed with the last session that it waits for', async () => {
      const at = await open()
      await joinAndLeave(at)
      await at.publish('x', '1')
      for (const member of MEMBERS) await at.connect(member, { cleanStart: true })
      assert.equal(at.store.stats().queuedBytes, 0)
    })

    test('counts against the share of each device', async () => {
      const { counts, onBound } = createTally()
      const at = await open({ limits: { queuedBytesPerDevice: 4 }, onBound })
      const names = MEMBERS.map((member, n) => `${n < 2 ? 'device' : `device${n}`}/${member}`)
      for (const client of await join(at, names)) client.leave()
      for (let n = 0; n < 10; n++) await at.publish('x', '1')
      const [first = '', second = '', third = ''] = names
      const own = [await queuedBy(at, first), await queuedBy(at, second)]
      assert.ok(own.flat().length <= 4, `${own.flat().length}`)
      assert.ok((await queuedBy(at, third)).length <= 4)
      assert.ok((counts.total_bytes ?? 0) > 0)
    })
  })

describe('a message that waits for many absent sessions', () => {
  test('is stored as one row; only the first also stores the list of sessions', async () => {
    const at = await openManual()
    const members = await at.through(join(at))
    for (const client of members) client.leave()
    await at.through(at.store.stored())
    const publish = async (payload: string) => {
      const stored = at.publish('x', payload)
      const commit = await at.next()
      commit.done()
      await stored
      return commit.changes.map(([name]) => name)
    }
    assert.deepEqual(await publish('1'), ['append', 'audience', 'bundle'])
    assert.deepEqual(await publish('2'), ['append', 'bundle'])
  })

  test('is in no queue where it could not be stored, and the next one is', async () => {
    const at = await openManual()
    for (const client of await at.through(join(at))) client.leave()
    await at.through(at.store.stored())
    const failed = assert.rejects(at.publish('x', '1'), { code: 'broker_unavailable' })
    const commit = await at.next()
    const back = await at.connect('member0')
    commit.fail(new Error('the disk is full'))
    await failed
    assert.equal(at.store.stats().queuedBytes, 0)
    assert.deepEqual([back.queued(), back.session.queue.length()], [[], 0])
    back.leave()
    await at.through(at.publish('x', '2'))
    assert.deepEqual(await at.through(queuedBy(at, 'member1')), ['2'])
  })

  test('stores the list of sessions again until that has succeeded', async () => {
    const at = await openManual()
    for (const client of await at.through(join(at))) client.leave()
    await at.through(at.store.stored())
    const failed = assert.rejects(at.publish('x', '1'), { code: 'broker_unavailable' })
    const first = await at.next()
    const stored = at.publish('x', '2')
    first.fail(new Error('the disk is full'))
    await failed
    const second = await at.next()
    const names = second.changes.map(([name]) => name)
    assert.deepEqual(
      names.filter((name) => name === 'audience' || name === 'bundle'),
      ['audience', 'bundle'],
    )
    second.done()
    await stored
  })

  test('does not come back after a restart to a session that had no room for it', async () => {
    const directory = temporaryDirectory()
    const limits = { messagesPerSession: 3 }
    const before = await openFile(directory, { limits })
    await joinAndLeave(before)
    const one = await before.connect('member0')
    await one.subscribe('$x/own', 1)
    one.leave()
    await before.publish('x', 'all')
    for (const payload of ['1', '2', '3']) await before.publish('$x/own', payload)
    const back = await before.connect('member0')
    assert.deepEqual(back.queued(), ['1', '2', '3'])
    back.acknowledge(...back.send())
    await before.crash()
    const after = await openFile(directory, { limits })
    assert.deepEqual(await queuedBy(after, 'member0'), [])
    assert.deepEqual(await queuedBy(after, 'member1'), ['all'])
  })

  test('reaches a session that comes back while it is being stored', async () => {
    const at = await openManual()
    for (const client of await at.through(join(at))) client.leave()
    await at.through(at.store.stored())
    const stored = at.publish('x', '1')
    const commit = await at.next()
    const back = await at.connect('member0')
    assert.deepEqual(back.queued(), [])
    assert.deepEqual(back.send(), [])
    const { woken } = back.link
    commit.done()
    await stored
    assert.deepEqual([back.queued(), back.link.woken], [['1'], woken + 1])
  })

  test('is queued as in plain lists, whatever sessions do, over restarts too', async () => {
    const step = fc.record({ name: fc.constantFrom(...Object.keys(STEPS)), pick: fc.nat(100) })
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), runSteps), {
      numRuns: 6,
    })
  })
})

/** What each member should have queued, oldest first. */
interface Model {
  at: TestBroker
  readonly directory: string
  readonly queues: Map<string, string[]>
  readonly there: Map<string, TestClient>
  last: number
}

const MOST = 20
const settings = { limits: { messagesPerSession: MOST } }

const STEPS: Record<string, (model: Model, pick: number) => Promise<void>> = {
  async publish(model, pick) {
    for (let n = 0; n <= pick % 12; n++) {
      model.last += 1
      await model.at.publish('x', `${model.last}`)
      for (const queue of model.queues.values()) {
        queue.push(`${model.last}`)
        if (queue.length > MOST) queue.shift()
      }
    }
  },
  async come({ at, there, queues }, pick) {
    const name = MEMBERS[pick % MEMBERS.length] ?? ''
    if (there.has(name)) return
    const client = await at.connect(name)
    there.set(name, client)
    assert.deepEqual(client.queued(), queues.get(name))
  },
  async answer({ there, queues }, pick) {
    const [name, client] = [...there][pick % Math.max(1, there.size)] ?? []
    if (!name || !client) return
    const window = pick % 7
    for (const entry of client.send(window)) {
      const queue = queues.get(name) ?? []
      queue.splice(queue.indexOf(String(entry.message?.payload)), 1)
      client.acknowledge(entry)
    }
  },
  async leave({ there }, pick) {
    const [name, client] = [...there][pick % Math.max(1, there.size)] ?? []
    if (!name || !client) return
    client.leave()
    there.delete(name)
  },
  async restart(model) {
    await model.at.store.stored()
    await model.at.crash()
    model.there.clear()
    model.at = await openFile(model.directory, settings)
  },
}

async function runSteps(steps: readonly { name: string; pick: number }[]): Promise<void> {
  const directory = temporaryDirectory()
  const at = await openFile(directory, settings)
  await joinAndLeave(at)
  const queues = new Map(MEMBERS.map((name) => [name, [] as string[]]))
  const model: Model = { at, directory, queues, there: new Map(), last: 0 }
  for (const { name, pick } of steps) await STEPS[name]?.(model, pick)
  for (const client of model.there.values()) client.leave()
  for (const name of MEMBERS) assert.deepEqual(await queuedBy(model.at, name), queues.get(name))
  await model.at.broker.close()
}
