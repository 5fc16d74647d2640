import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { copyOf, KINDS, openFile, temporaryDirectory } from './stores.ts'
import type { TestBroker } from './test-broker.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const START = 1_800_000_000_000

/** A steady clock, and a wall clock that can also be set. */
function createClocks() {
  let passed = 0
  let wall = START
  return {
    settings: { now: () => wall, steady: () => passed },
    set(by: number): void {
      wall += by
    },
    pass(by: number): void {
      passed += by
      wall += by
    },
  }
}

/** Leaves an absent session that expires in an hour, with a lasting message and one that expires in an hour, and a retained one that does. */
async function leave({ store, connect, publish }: TestBroker): Promise<void> {
  const client = await connect('a', { expiry: HOUR / 1000 })
  await client.subscribe('#', 1)
  client.leave()
  const expires = store.now() + HOUR
  await publish('x', 'until then', { expires })
  await publish('x', 'waits')
  await publish('retained', 'retained', { expires, retain: true })
}

async function leftIn({ store, broker }: TestBroker): Promise<unknown> {
  store.expireMessages()
  const session = store.sessions.find('a')
  if (!session || store.sessions.isExpired(session)) return 'no session'
  const queued = session.queue.admitted().map(({ message }) => String(message?.payload))
  return [...queued, (await broker.retained('#')).length]
}

const ALL = ['until then', 'waits', 'retained', 1]

for (const { name, open } of KINDS)
  describe(`a clock that is set, ${name}`, () => {
    for (const [what, by] of [
      ['forward', 30 * DAY],
      ['back', -30 * DAY],
    ] as const)
      test(`${what} by 30 days expires nothing early or late`, async () => {
        const { settings, set, pass } = createClocks()
        const at = await open(settings)
        await leave(at)
        pass(10_000)
        set(by)
        assert.deepEqual(await leftIn(at), ALL)
        pass(HOUR - 10_001)
        assert.deepEqual(await leftIn(at), ALL)
        pass(1)
        assert.equal(await leftIn(at), 'no session')
        const client = await at.connect('a')
        assert.deepEqual([client.isPresent, await at.broker.retained('#')], [false, []])
      })
  })

describe('the time of a store over a restart', () => {
  const limits = { countedDowntimeMs: 40 * MINUTE }

  test('goes on by the wall clock, but no further than the trusted downtime', async () => {
    const { settings, set } = createClocks()
    const directory = temporaryDirectory()
    const first = await openFile(directory, { ...settings, limits })
    await leave(first)
    await first.broker.close()

    set(30 * DAY)
    const second = await openFile(directory, { ...settings, limits })
    assert.deepEqual(await leftIn(second), ALL)
    await second.broker.close()

    // 40 minutes of the downtime counted, so 20 more make an hour
    set(20 * MINUTE)
    assert.equal(await leftIn(await openFile(directory, { ...settings, limits })), 'no session')
  })

  test('does not go back where the wall clock was set back', async () => {
    const { settings, set, pass } = createClocks()
    const directory = temporaryDirectory()
    const first = await openFile(directory, { ...settings, limits })
    await leave(first)
    pass(HOUR / 2)
    await first.broker.close()
    set(-30 * DAY)
    const second = await openFile(directory, { ...settings, limits })
    pass(HOUR / 2 - 1)
    assert.deepEqual(await leftIn(second), ALL)
    pass(1)
    assert.equal(await leftIn(second), 'no session')
  })

  test('goes on after a crash from the last commit, or at most a minute before it', async () => {
    const { settings, pass, set } = createClocks()
    const directory = temporaryDirectory()
    const first = await openFile(directory, { ...settings, limits })
    await leave(first)
    pass(30 * MINUTE)
    await first.publish('y', 'the clock is stored with this')
    const left = copyOf(directory)
    set(30 * DAY)
    const second = await openFile(left, { ...settings, limits: { countedDowntimeMs: 0 } })
    pass(HOUR / 2 - 1)
    assert.notEqual(await leftIn(second), 'no session')
    pass(1)
    assert.equal(await leftIn(second), 'no session')
  })
})
