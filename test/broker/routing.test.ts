import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type RouteMatch, toLocalMatch } from '../../src/broker/route-match.ts'
import { createRouting, type DeliveryListener } from '../../src/broker/routing.ts'
import type { Session, Subscription } from '../../src/broker/session.ts'
import { toSubscription } from '../../src/broker/store/subscription.ts'
import { collect } from '../support/collect.ts'
import { covers, filter, topic } from '../topic/naive.ts'
import { openMemory } from './store/stores.ts'

const SESSIONS = 500
const TOPICS = 500

const { connect } = await openMemory()

async function sessionOf(name: string, expiry = 3_600): Promise<Session> {
  return (await connect(name, { expiry })).session
}

function subscriptionOf(
  session: Session,
  name: string,
  more: Partial<Subscription> = {},
): Subscription {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, identifier: 0 } as const
  return toSubscription(session, { ...options, name, ...more })
}

const namesOf = (matches: readonly RouteMatch[]) => matches.map(({ session }) => session.client)

describe('routing', () => {
  it('finds the sessions and listeners that asked for a topic', async () => {
    const routing = createRouting()
    const [a, b] = [await sessionOf('a'), await sessionOf('b')]
    const listener = () => {}
    routing.add(subscriptionOf(a, 'x/+'))
    routing.add(subscriptionOf(b, '$share/g/x/#'))
    routing.listen(['#'], listener)
    const route = routing.of('x/y')
    assert.deepEqual(namesOf(route.matches), ['a'])
    assert.deepEqual(
      route.groups.map(({ members }) => members().map(({ session }) => session.client)),
      [['b']],
    )
    assert.deepEqual(route.listeners, [listener])
    const other = routing.of('y')
    assert.deepEqual([other.matches, other.groups, other.listeners], [[], [], [listener]])
    assert.deepEqual(routing.of('$SYS/x').listeners, [])
  })

  it('forgets remembered answers when subscriptions come and go', async () => {
    const routing = createRouting()
    const session = await sessionOf('a')
    const [plain, shared] = [subscriptionOf(session, 'x'), subscriptionOf(session, '$share/g/x')]
    const counts = () => {
      const { matches, groups, listeners } = routing.of('x')
      return [matches.length, groups.length, listeners.length]
    }
    const listener = () => {}
    const steps = [
      () => routing.add(plain),
      () => routing.add(shared),
      () => routing.listen(['x'], listener),
      () => routing.listen(['x'], listener),
      () => routing.remove(plain),
      () => routing.remove(shared),
      () => routing.unlisten(['x'], listener),
    ]
    const seen = steps.map((step) => {
      step()
      return counts().join('')
    })
    assert.deepEqual(seen, ['100', '110', '111', '111', '011', '001', '000'])
  })

  it('answers the same as a new one, whatever came and went', () => {
    const steps = fc.array(fc.record({ filters: fc.array(filter), listens: fc.boolean() }))
    fc.assert(
      fc.property(steps, fc.array(topic, { minLength: 1 }), (steps, topics) => {
        const routing = createRouting()
        const listeners = new Map<string, DeliveryListener>()
        const listening: (readonly [string[], DeliveryListener])[] = []
        for (const { filters, listens } of steps) {
          const listener = listeners.get(filters.join()) ?? (() => {})
          listeners.set(filters.join(), listener)
          const at = listening.findIndex(([, known]) => known === listener)
          if (at >= 0) listening.splice(at, 1)
          if (listens) listening.push([filters, listener])
          if (listens) routing.listen(filters, listener)
          else routing.unlisten(filters, listener)
          const expected = (topic: string) =>
            listening.filter(([filters]) => filters.some((filter) => covers(filter, topic)))
          for (const topic of topics)
            assert.deepEqual(
              new Set(routing.of(topic).listeners),
              new Set(expected(topic).map(([, listener]) => listener)),
            )
        }
      }),
    )
  })

  it('gives one match per session, which combines all its filters', async () => {
    const routing = createRouting()
    const session = await sessionOf('a')
    routing.add(subscriptionOf(session, '#', { identifier: 1, noLocal: true }))
    routing.add(subscriptionOf(session, 'x', { qos: 2, identifier: 2 }))
    routing.add(subscriptionOf(session, '+', { qos: 0, retainAsPublished: true }))
    const [match, ...more] = routing.of('x').matches
    assert.ok(match)
    assert.deepEqual(more, [])
    assert.deepEqual(
      [match.qos, match.retainAsPublished, match.identifiers?.toSorted(), match.group],
      [2, true, [1, 2], null],
    )
    // for messages that its own client publishes
    const local = toLocalMatch(match)
    assert.deepEqual([local?.qos, local?.identifiers], [2, [2]])
    routing.remove(subscriptionOf(session, 'x'))
    routing.remove(subscriptionOf(session, '+'))
    const [last = assert.fail()] = routing.of('x').matches
    assert.equal(toLocalMatch(last), undefined)
  })

  it('leaves out who may not read the topic, except stored sessions, until rights change', async () => {
    const routing = createRouting()
    let asked = 0
    const readable = new Set<string>()
    const withRights = (session: Session): Session => ({
      ...session,
      access: {
        ...session.access,
        mayReceive(topic) {
          asked += 1
          return readable.has(topic)
        },
      },
    })
    const passing = withRights(await sessionOf('passing', 0))
    routing.add(subscriptionOf(passing, '#'))
    for (let message = 0; message < 3; message++) assert.deepEqual(routing.of('x').matches, [])
    assert.equal(asked, 1)
    assert.equal(routing.of('x').isHeard, true)
    readable.add('x')
    routing.forget()
    assert.deepEqual(namesOf(routing.of('x').matches), ['passing'])
    assert.deepEqual(routing.of('y').matches, [])
    const stored = withRights(await sessionOf('stored'))
    routing.add(subscriptionOf(stored, '#'))
    assert.deepEqual(namesOf(routing.of('y').matches), ['stored'])
  })

  it('remembers many topics of many sessions in little memory', async () => {
    const routing = createRouting()
    for (let index = 0; index < SESSIONS; index++)
      routing.add(subscriptionOf(await sessionOf(`many ${index}`, 0), '#'))
    collect()
    const before = process.memoryUsage().heapUsed
    const routes = Array.from({ length: TOPICS }, (_, index) => routing.of(`many/${index}`))
    collect()
    const each = (process.memoryUsage().heapUsed - before) / (SESSIONS * TOPICS)
    assert.ok(each < 100, `${each} bytes for each session and topic`)
    assert.equal(routing.of('many/0'), routes[0])
  })

  it('replaces a subscription of the same name', async () => {
    const routing = createRouting()
    const session = await sessionOf('a')
    routing.add(subscriptionOf(session, 'x', { qos: 2, identifier: 5 }))
    routing.add(subscriptionOf(session, 'x', { qos: 1 }))
    const [match, ...more] = routing.of('x').matches
    assert.deepEqual([match?.qos, match?.identifiers, more], [1, null, []])
  })

  it('says whether a message may have to be stored', async () => {
    const stored = await sessionOf('a')
    const passing = await sessionOf('passing', 0)
    for (const [subscription, hasStored] of [
      [subscriptionOf(stored, 'x'), true],
      [subscriptionOf(stored, '$share/g/x'), true],
      [subscriptionOf(stored, 'x', { qos: 0 }), false],
      [subscriptionOf(passing, 'x'), false],
      [subscriptionOf(passing, '$share/g/x'), false],
    ] as const) {
      const routing = createRouting()
      routing.add(subscription)
      assert.equal(routing.of('x').hasStored, hasStored)
    }
  })
})
