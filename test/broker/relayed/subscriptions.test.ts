import assert from 'node:assert/strict'
import { afterEach, describe, it, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  createSubscriptions,
  type Subscriptions,
  type SubscriptionsOptions,
} from '../../../src/broker/relayed/subscriptions.ts'

const opened: Subscriptions[] = []

/** Subscriptions at a broker that lists what it is asked, answers when the test lets it, and refuses `refused`. */
function open(options: Partial<SubscriptionsOptions> = {}) {
  const asked: string[] = []
  const refused = new Set<string>()
  const granted: string[] = []
  const released: string[] = []
  const refusals: string[] = []
  let answering = Promise.resolve()
  const subscriptions = createSubscriptions({
    uplink: () => ({
      async subscribe(wanted) {
        asked.push(`+ ${wanted.map(({ filter }) => filter).join(' ')}`)
        await answering
        return wanted.map(({ filter }) => (refused.has(filter) ? 0x87 : 1))
      },
      async unsubscribe(filters) {
        asked.push(`- ${filters.join(' ')}`)
        await answering
      },
    }),
    always: [],
    releaseMs: 1_000,
    most: 10,
    onGranted: (filters) => granted.push(...filters),
    onReleased: (filters) => released.push(...filters),
    onRefused: (filter) => refusals.push(filter),
    ...options,
  })
  opened.push(subscriptions)
  return {
    subscriptions,
    asked,
    refused,
    granted,
    released,
    refusals,
    /** Nothing is answered until what is returned is called. */
    hold() {
      const held = Promise.withResolvers<void>()
      answering = held.promise
      return held.resolve
    },
  }
}

function withTimers(context: TestContext) {
  context.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  context.mock.method(performance, 'now', () => now)
  return async (ms: number) => {
    now += ms
    context.mock.timers.tick(ms)
    await setImmediate()
  }
}

describe('the subscriptions at another broker', () => {
  afterEach(() => {
    for (const subscriptions of opened.splice(0)) subscriptions.stop()
  })

  it('are one for overlapping filters, and the wider one is made before the narrower one ends', async () => {
    const { subscriptions, asked, granted, released } = open()
    subscriptions.use('a/b')
    await subscriptions.connected()
    for (const filter of ['a/b', 'a/+', 'a/c', '+/b']) {
      subscriptions.use(filter)
      await subscriptions.ready([filter])
    }
    await setImmediate()
    assert.deepEqual(asked, ['+ a/b', '+ a/+', '- a/b', '+ +/+', '- a/+'])
    assert.deepEqual(granted, ['a/b', 'a/+', '+/+'])
    assert.deepEqual(released, ['a/b', 'a/+'])
    assert.deepEqual(subscriptions.granted(), ['+/+'])
  })

  it('end some time after their last use', async (context) => {
    const pass = withTimers(context)
    const { subscriptions, asked } = open({ always: ['always'] })
    await subscriptions.connected()
    for (const filter of ['a', 'a', 'b']) subscriptions.use(filter)
    await subscriptions.ready(['a', 'b'])
    subscriptions.leave('b')
    subscriptions.leave('a')
    await pass(500)
    subscriptions.leave('a')
    await pass(600)
    assert.deepEqual(asked.slice(1), ['+ a', '+ b', '- b'])
    subscriptions.use('a')
    subscriptions.leave('a')
    await pass(400)
    await pass(1_000)
    assert.deepEqual(asked.at(-1), '- a')
    assert.deepEqual(subscriptions.granted(), ['always'])
  })

  it('can be waited for, until the broker goes away', async () => {
    const { subscriptions, hold } = open()
    await subscriptions.connected()
    const answer = hold()
    subscriptions.use('a')
    let isReady = false
    const ready = subscriptions.ready(['a']).then(() => {
      isReady = true
    })
    await setImmediate()
    assert.equal(isReady, false)
    subscriptions.away()
    await ready
    answer()
    await subscriptions.connected()
    assert.deepEqual(subscriptions.granted(), ['a'])
  })

  it('are named where refused, and do not keep others from reading', async () => {
    const { subscriptions, refused, refusals } = open()
    for (const filter of ['#', '+/+']) refused.add(filter)
    await subscriptions.connected()
    subscriptions.use('a/+')
    await subscriptions.ready(['a/+'])
    for (const filter of ['#', '+/b']) {
      subscriptions.use(filter)
      await assert.rejects(subscriptions.ready([filter]), { code: 'subscription_refused' })
    }
    assert.match(String(subscriptions.outage()), /"#": not authorized. \(1 more\)/)
    assert.deepEqual(refusals, ['#', '+/b'])
    assert.deepEqual(subscriptions.granted(), ['a/+'])
    for (const filter of ['#', '+/b']) subscriptions.leave(filter)
    assert.equal(subscriptions.outage(), null)
    await subscriptions.ready(['a/+'])
    // a later use asks again
    refused.clear()
    subscriptions.use('#')
    await subscriptions.ready(['#'])
    assert.deepEqual(subscriptions.granted(), ['#'])
  })

  it('are asked for again some time after they were refused', async (context) => {
    const pass = withTimers(context)
    const { subscriptions, refused } = open({ always: ['a'] })
    refused.add('a')
    await subscriptions.connected()
    assert.match(String(subscriptions.outage()), /refuses the subscription to "a"/)
    refused.clear()
    await pass(1_000)
    assert.deepEqual([subscriptions.granted(), subscriptions.outage()], [['a'], null])
  })

  it('are all made again with each connection, and released where no longer granted', async () => {
    const { subscriptions, asked, refused, released } = open({ always: ['a', 'b'] })
    await subscriptions.connected()
    subscriptions.away()
    refused.add('b')
    await subscriptions.connected()
    assert.deepEqual(asked, ['+ a b', '+ a b'])
    assert.deepEqual([subscriptions.granted(), released], [['a'], ['b']])
  })
})
