import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRouting } from '../../src/broker/routing.ts'
import { type Session, sessionBytes } from '../../src/broker/session.ts'
import type { Change, Restore } from '../../src/broker/store/changes.ts'
import { createSilentJournal } from '../../src/broker/store/journal.ts'
import type { Limits } from '../../src/broker/store/limits.ts'
import { openStore } from '../../src/broker/store/store.ts'
import { type RequestedSubscription, toSubscription } from '../../src/broker/store/subscription.ts'
import { createSubscribing } from '../../src/broker/subscribing.ts'
import { createLedger, createUnlimitedLedger } from '../../src/budget/ledger.ts'

/** A store, and the changes that it writes. */
async function open(
  limits: Partial<Limits> = {},
  recover: (restore: Restore) => void = () => {},
  memory = createUnlimitedLedger(),
) {
  const written: Change[] = []
  const store = await openStore({
    limits,
    memory,
    accessOf: () => ({ mayReceive: () => true }) as unknown as Session['access'],
    journal: {
      ...createSilentJournal(),
      recover: async (restore) => recover(restore),
      append: async (changes) => void written.push(...changes),
      later: (_, change) => void written.push(change),
    },
  })
  const routing = createRouting()
  return { store, written, routing, ...createSubscribing(store.sessions, routing) }
}

function asking(name: string): RequestedSubscription {
  return { name, qos: 1, noLocal: false, retainAsPublished: false, identifier: 0 }
}

describe('the room that the sessions of one device share', () => {
  it('is free again when a session ends, and not before', async () => {
    const memory = createLedger({ totalBytes: 1e6, bytesPerOwner: 40_000 })
    const { store, subscribe, unsubscribe } = await open(
      { sharedSubscriptionsPerDevice: 5 },
      () => {},
      memory,
    )
    // at most half of it may be used by sessions that last
    const most = 20_000
    const bytes = (...clients: string[]) =>
      clients.reduce((sum, client) => sum + sessionBytes(client), 0)
    const { sessions } = store
    const room = (session: Session) => Object.values(sessions.subscriptionRoom(session))
    const [lasting, passing, other] = ['device/a', 'device/b', 'other/a'].map((client, index) =>
      sessions.create(client, index === 1 ? 0 : 60),
    ) as [Session, Session, Session]
    await subscribe(lasting, [asking('a'), asking('$share/g/a')]).stored
    await subscribe(passing, [asking('bb'), asking('$share/g/a')]).stored
    // the same filter again
    await subscribe(lasting, [asking('a'), asking('$share/g/a')]).stored
    const taken = 4 * 1024 + 2 * (1 + 10 + 2 + 10) + bytes('device/a')
    assert.deepEqual(room(lasting), [most - taken, 3])
    assert.deepEqual(room(passing), room(lasting))
    assert.deepEqual(room(other), [most - bytes('other/a'), 5])
    await unsubscribe(lasting, ['a', 'a', 'none']).stored
    assert.deepEqual(room(passing), [most - taken + 1026, 3])
    sessions.drop(lasting)
    assert.deepEqual(room(passing), [most - 2 * 1024 - 24, 4])
    sessions.drop(passing)
    const again = sessions.create('device/c', 60) as Session
    assert.deepEqual(room(again), [most - bytes('device/c'), 5])
    for (const session of [again, other]) sessions.drop(session)
    assert.equal(memory.owners(), 0)
  })

  it('counts QoS 2 messages until they are released, over restarts too', async () => {
    const { store } = await open({ arrivalsPerDevice: 3 }, (restore) => {
      restore.session(1, 'device/a', Date.now(), 0, 60)
      restore.receive('device/a', 7)
    })
    const { sessions, incoming } = store
    const first = sessions.find('device/a') as Session
    const second = sessions.create('device/b', 0) as Session
    const arrival = incoming.add(second, 1)
    assert.ok(arrival && incoming.add(second, 2))
    assert.equal(incoming.add(first, 3), null)
    await incoming.release(second, arrival)
    assert.ok(incoming.add(first, 3))
    assert.equal(incoming.add(first, 4), null)
    sessions.drop(first)
    assert.ok(incoming.add(second, 3) && incoming.add(second, 4))
    assert.equal(incoming.add(second, 5), null)
  })
})

describe('the store', () => {
  it('writes a filter that comes twice once, and one that it has not again', async () => {
    const { store, written, subscribe, unsubscribe } = await open()
    const session = store.sessions.create('device/a', 60) as Session
    written.length = 0
    await subscribe(session, Array(1000).fill(asking('a'))).stored
    await subscribe(session, [asking('a')]).stored
    await unsubscribe(session, Array(1000).fill('a')).stored
    assert.deepEqual(
      written.map(([name]) => name),
      ['subscribe', 'unsubscribe'],
    )
  })

  it('drops a session that ends with its connection after a crash', async () => {
    const { store, written } = await open({}, (restore) => {
      restore.session(1, 'device/a', Date.now(), 1, 0)
      restore.subscribe(1, 'a', 1, '{}')
    })
    const session = store.sessions.find('device/a') as Session
    assert.ok(store.sessions.isExpired(session))
    store.sessions.drop(session)
    const dropped = written.map(([name]) => name).filter((name) => name.startsWith('drop'))
    assert.deepEqual(dropped, ['dropSession', 'dropSubscriptions'])
  })
})

describe('the memory of routes', () => {
  it('holds fewer routes, the more filters match each', async () => {
    const { store, routing } = await open()
    const session = store.sessions.create('device/a', 0) as Session
    const levels = 'abcdefghij'.split('')
    const countOf = (topics: number) => {
      const first = routing.of('a/b/c/d/e/f/g/h/i/j')
      for (let index = 0; index < topics; index++) routing.of(`a/b/c/d/e/f/g/h/i/j/${index}`)
      return routing.of('a/b/c/d/e/f/g/h/i/j') === first
    }
    assert.ok(countOf(5_000))
    for (let index = 0; index < 1000; index++) {
      const filter = levels.map((level, bit) => ((index >> bit) & 1 ? '+' : level)).join('/')
      routing.add(toSubscription(session, asking(`${filter}/#`)))
    }
    assert.ok(countOf(500))
    assert.ok(!countOf(5_000))
  })
})
