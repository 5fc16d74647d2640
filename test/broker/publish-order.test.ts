import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createPublishOrder, type PlaceInOrder } from '../../src/broker/publish-order.ts'

describe('the publish order', () => {
  it('emits each message once in the order of joining, whichever is ready first', () => {
    const joining = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean(), fc.nat()), {
      maxLength: 50,
    })
    fc.assert(
      fc.property(joining, (all) => {
        const order = createPublishOrder()
        const places = all.map(([topic]) => order.join(topic))
        assert.equal(order.length, all.length)
        const emitted: number[] = []
        const settling = all.map((_, index) => index)
        settling.sort((one, other) => (all[one]?.[2] ?? 0) - (all[other]?.[2] ?? 0))
        const settled = new Set<number>()
        for (const index of settling) {
          const place = places[index] as PlaceInOrder
          const settle = all[index]?.[1] ? place.ready : place.leave
          settle(() => emitted.push(index))
          settled.add(index)
          const first = all.findIndex((_, index) => !settled.has(index))
          const count = first === -1 ? all.length : first
          assert.deepEqual(
            emitted,
            Array.from({ length: count }, (_, index) => index),
          )
          assert.equal(order.length, all.length - count)
          for (const topic of ['a', 'b', 'c'])
            assert.equal(
              order.has(topic),
              all.slice(count).some(([waits]) => waits === topic),
            )
        }
      }),
    )
  })

  it('emits one that joins during an emit after those that wait', () => {
    const order = createPublishOrder()
    const [first, second] = [order.join('a'), order.join('a')]
    const emitted: string[] = []
    second.ready(() => emitted.push('second'))
    first.ready(() => {
      order.join('a').ready(() => emitted.push('third'))
      emitted.push('first')
    })
    assert.deepEqual(emitted, ['first', 'second', 'third'])
    assert.equal(order.has('a'), false)
  })

  it('continues after one that throws', () => {
    const order = createPublishOrder()
    const [first, second] = [order.join('a'), order.join('a')]
    const emitted: string[] = []
    second.ready(() => emitted.push('second'))
    assert.throws(
      () =>
        first.ready(() => {
          throw new Error('a careless reader')
        }),
      /careless/,
    )
    order.join('b').ready(() => emitted.push('third'))
    assert.deepEqual(emitted, ['second', 'third'])
    assert.equal(order.length, 0)
  })
})
