import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, mock } from 'node:test'
import { pass, SECOND, START, stopClock, watchWills, willOf } from './clock.ts'
import { openFile, openManual, openMemory, temporaryDirectory } from './store/stores.ts'
import type { Settings, TestBroker } from './store/test-broker.ts'

beforeEach(stopClock)
afterEach(() => mock.timers.reset())

describe('a will', () => {
  async function opened(settings?: Settings) {
    const at = await openMemory(settings)
    return { ...at, said: watchWills(at) }
  }

  it('is published when its client vanishes, and not when it disconnects', async () => {
    const { said, connect, store } = await opened()
    ;(await connect('d/vanishes', { will: willOf('1') })).leave()
    ;(await connect('d/parts', { will: willOf('2') })).leave({ sendsWill: false })
    await pass(1)
    assert.deepEqual(said, ['d/vanishes 1 0'])
    assert.deepEqual([...store.wills.all()], [])
  })

  it('is published exactly at the end of its delay', async () => {
    const { said, connect } = await opened()
    ;(await connect('d/a', { will: willOf('1', 5) })).leave()
    ;(await connect('d/b', { will: willOf('2', 3) })).leave()
    await pass(10)
    assert.deepEqual(said, ['d/b 2 3', 'd/a 1 5'])
  })

  it('is published at the end of the session where that comes first [MQTT-3.1.3-9]', async () => {
    const { said, connect } = await opened()
    ;(await connect('d/expires', { expiry: 3, will: willOf('1', 10) })).leave()
    ;(await connect('d/short', { expiry: 0, will: willOf('2', 10) })).leave()
    ;(await connect('d/shortened', { will: willOf('3', 10) })).leave({ expiry: 0 })
    const cleaned = await connect('d/cleaned', { will: willOf('4', 10) })
    await pass(1)
    cleaned.leave()
    await pass(1)
    await connect('d/cleaned', { cleanStart: true })
    await pass(10)
    assert.deepEqual(said, ['d/short 2 0', 'd/shortened 3 0', 'd/cleaned 4 2', 'd/expires 1 3'])
  })

  it('is not published when its client comes back in time', async () => {
    const { said, connect, store } = await opened()
    ;(await connect('d/a', { will: willOf('1', 5) })).leave()
    await pass(4)
    const back = await connect('d/a')
    await pass(10)
    back.leave()
    await pass(10)
    assert.deepEqual(said, [])
    assert.deepEqual([...store.wills.all()], [])
  })

  it('is removed from the store before its client that came back has its CONNACK', async () => {
    const at = await openManual()
    const said = watchWills(at)
    const client = await at.through(at.connect('d/a', { will: willOf('1', 5) }))
    client.leave()
    await at.through(at.store.stored())
    let isBack = false
    const back = at.connect('d/a').then(() => {
      isBack = true
    })
    const commit = await at.next()
    assert.ok(commit.changes.some(([name]) => name === 'dropWill'))
    assert.equal(isBack, false)
    commit.done()
    await back
    await pass(10)
    assert.deepEqual(said, [])
  })

  it('is published when another connection takes over, unless it has a delay', async () => {
    const { said, connect } = await opened()
    for (const [client, delay] of [
      ['d/now', 0],
      ['d/delayed', 5],
    ] as const) {
      await connect(client, { will: willOf('before', delay) })
      await connect(client, { will: willOf('after', delay) })
    }
    await pass(10)
    assert.deepEqual(said, ['d/now before 0'])
  })

  it('is not published for a client that has no CONNACK yet', async () => {
    const { said, broker, connect } = await opened()
    const { link } = await connect('d/other')
    link.isOpen = () => false
    const request = { cleanStart: false, expiry: 0, will: willOf('1'), link }
    await broker.sessions.open({ ...request, client: 'd/a' })
    await connect('d/a')
    await pass(1)
    assert.deepEqual(said, [])
  })

  it('is tried again while the broker does not take it, and stays in the store until it does', async () => {
    let works = false
    const at = await openMemory()
    const said = watchWills(at, () => works)
    ;(await at.connect('d/a', { will: willOf('1') })).leave()
    await pass(7)
    assert.equal(at.store.wills.get('d/a')?.will.message.payload.toString(), '1')
    works = true
    await pass(5)
    assert.deepEqual(said, ['d/a 1 10'])
    assert.equal(at.store.wills.get('d/a'), undefined)
    await pass(10)
    assert.equal(said.length, 1)
  })

  it('does not affect the next connection and its will while it is being published', async () => {
    const { said, connect, store } = await opened()
    ;(await connect('d/a', { will: willOf('1') })).leave()
    const back = await connect('d/a', { will: willOf('2') })
    await pass(1)
    assert.deepEqual(said, ['d/a 1 0'])
    assert.equal(String(store.wills.get('d/a')?.will.message.payload), '2')
    back.leave()
    await pass(1)
    assert.deepEqual(said, ['d/a 1 0', 'd/a 2 1'])
  })

  it('is published before the gateway has stopped', async () => {
    const { said, broker, connect, store } = await opened()
    const clients = [
      await connect('d/a', { will: willOf('1') }),
      await connect('d/b', { expiry: 0, will: willOf('2', 5) }),
      await connect('d/c', { will: willOf('3', 5) }),
    ]
    await broker.end()
    assert.deepEqual(said.toSorted(), ['d/a 1 0', 'd/b 2 0'])
    assert.deepEqual(
      clients.map(({ link }) => link.ends),
      [['shutting_down'], ['shutting_down'], ['shutting_down']],
    )
    // its delay goes on while the gateway is down
    assert.deepEqual(
      [...store.wills.all()].map(({ client, due }) => [client, due]),
      [['d/c', START + 5 * SECOND]],
    )
  })
})

describe('a will that a crash left behind', () => {
  /** A broker that starts `seconds` after another one crashed. */
  async function afterCrash(seconds: number, prepare: (before: TestBroker) => Promise<void>) {
    const directory = temporaryDirectory()
    const before = await openFile(directory)
    await prepare(before)
    await before.crash()
    mock.timers.tick(seconds * SECOND)
    const at = await openFile(directory)
    return { ...at, said: watchWills(at) }
  }

  it('is published two seconds after the start, or after its delay', async () => {
    const { said } = await afterCrash(100, async ({ connect }) => {
      await connect('d/passing', { expiry: 0, will: willOf('1') })
      await connect('d/kept', { will: willOf('2') })
      await connect('d/delayed', { will: willOf('3', 5) })
      await connect('d/expires', { expiry: 4, will: willOf('4', 10) })
    })
    await pass(1.75)
    assert.deepEqual(said, [])
    await pass(10)
    assert.deepEqual(said.toSorted(), [
      ...['d/delayed 3 105', 'd/expires 4 104', 'd/kept 2 102', 'd/passing 1 102'],
    ])
  })

  it('is dropped when its client is back by then', async () => {
    const { said, connect, store } = await afterCrash(100, async ({ connect }) => {
      for (const client of ['d/kept', 'd/delayed', 'd/passing'])
        await connect(client, {
          expiry: client === 'd/passing' ? 0 : 3_600,
          will: willOf('1', client === 'd/delayed' ? 5 : 0),
        })
    })
    await pass(1)
    for (const client of ['d/kept', 'd/passing']) await connect(client)
    await pass(3)
    await connect('d/delayed')
    await pass(10)
    assert.deepEqual(said, [])
    assert.deepEqual([...store.wills.all()], [])
  })

  it('keeps the end of its delay, where that had begun', async () => {
    const { said } = await afterCrash(10, async ({ connect }) => {
      ;(await connect('d/over', { will: willOf('1', 5) })).leave()
      ;(await connect('d/later', { will: willOf('2', 15) })).leave()
      ;(await connect('d/expires', { expiry: 12, will: willOf('3', 15) })).leave()
    })
    await pass(20)
    assert.deepEqual(said, ['d/over 1 10.25', 'd/expires 3 12', 'd/later 2 15'])
  })

  it('is not published again after a second crash', async () => {
    const directory = temporaryDirectory()
    const first = await openFile(directory)
    await first.connect('d/a', { will: willOf('1') })
    await first.crash()
    const second = await openFile(directory)
    const said = watchWills(second)
    await pass(3)
    assert.equal(said.length, 1)
    await second.crash()
    const third = await openFile(directory)
    const again = watchWills(third)
    await pass(10)
    assert.deepEqual(again, [])
  })
})
