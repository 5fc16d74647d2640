import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { OnRefused } from '../../src/broker/broker.ts'
import type { Delivery } from '../../src/broker/delivery.ts'
import { createRouting } from '../../src/broker/routing.ts'
import { GatewayError } from '../../src/errors.ts'
import { createAudiences } from '../../src/live/audiences.ts'
import { delivery } from '../support/live-stream.ts'

const REFUSED = new GatewayError('subscription_refused', 'The broker refuses it.')

interface Reader {
  readonly filters: readonly string[]
  readonly got: string[]
  refuse(error: GatewayError): void
}

function newReader(...filters: string[]): Reader {
  const got: string[] = []
  return { filters, got, refuse: ({ code }) => got.push(code) }
}

/** Audiences of a broker whose answer to the next subscription is `answer`. */
function newAudiences() {
  const routing = createRouting()
  const refusals: OnRefused[] = []
  const broker = { answer: Promise.resolve(), refusals, subscribed: [] as string[], deliver }
  const audiences = createAudiences<Reader>(
    async (filters, onMessage, onRefused = () => {}) => {
      const name = filters.join(' ')
      refusals.push(onRefused)
      broker.subscribed.push(name)
      routing.listen(filters, onMessage)
      const unsubscribe = async () => {
        routing.unlisten(filters, onMessage)
        broker.subscribed.splice(broker.subscribed.indexOf(name), 1)
      }
      await broker.answer.catch(async (error) => {
        await unsubscribe()
        throw error
      })
      return unsubscribe
    },
    {
      deliver({ topic }, readers) {
        for (const { got } of readers) got.push(topic)
      },
      finish() {},
    },
  )
  function deliver(message: Delivery): void {
    for (const listener of routing.of(message.topic).listeners) listener(message)
  }
  return { audiences, broker }
}

const yes = () => true

describe('the readers of the same filters', () => {
  it('share a subscription until the last one leaves', async () => {
    const { audiences, broker } = newAudiences()
    const [first, second, other] = [newReader('a', 'b'), newReader('a', 'b'), newReader('a')]
    await Promise.all([first, second, other].map((reader) => audiences.enter(reader, yes)))
    assert.deepEqual(broker.subscribed, ['a b', 'a'])
    broker.deliver(delivery('', { topic: 'a' }))
    audiences.leave(first)
    broker.deliver(delivery('', { topic: 'b' }))
    audiences.leave(other)
    assert.deepEqual([first.got, second.got, other.got], [['a'], ['a', 'b'], ['a']])
    await setImmediate()
    assert.deepEqual(broker.subscribed, ['a b'])
  })

  it('are all refused when the broker ends their subscription; the next one asks again', async () => {
    const { audiences, broker } = newAudiences()
    const readers = [newReader('a'), newReader('a')]
    for (const reader of readers) await audiences.enter(reader, yes)
    broker.refusals[0]?.(REFUSED)
    for (const { got } of readers) assert.deepEqual(got, ['subscription_refused'])
    const next = newReader('a')
    await audiences.enter(next, yes)
    assert.deepEqual(broker.subscribed, ['a'])
    broker.deliver(delivery(''))
    assert.deepEqual(next.got, ['a'])
  })

  it('are all refused when the broker refuses their subscription', async () => {
    const { audiences, broker } = newAudiences()
    broker.answer = Promise.reject(REFUSED)
    const entering = [newReader('a'), newReader('a')].map((one) => audiences.enter(one, yes))
    for (const each of entering) await assert.rejects(each, { code: 'subscription_refused' })
    broker.answer = Promise.resolve()
    await audiences.enter(newReader('a'), yes)
    assert.deepEqual(broker.subscribed, ['a'])
  })

  it('leave no subscription behind where none of them begins', async () => {
    const { audiences, broker } = newAudiences()
    assert.equal(await audiences.enter(newReader('a'), () => null), null)
    assert.deepEqual(broker.subscribed, [])
  })
})
