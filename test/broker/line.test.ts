import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createLine, type Turn } from '../../src/broker/line.ts'

describe('the line', () => {
  it('emits in the order of joining, each once, whatever is ready when', () => {
    const joining = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.boolean(), fc.nat()), {
      maxLength: 50,
    })
    fc.assert(
      fc.property(joining, (all) => {
        const line = createLine()
        const turns = all.map(([topic]) => line.join(topic))
        assert.equal(line.length, all.length)
        const emitted: number[] = []
        const order = all.map((_, index) => index)
        order.sort((one, other) => (all[one]?.[2] ?? 0) - (all[other]?.[2] ?? 0))
        const settled = new Set<number>()
        for (const index of order) {
          const turn = turns[index] as Turn
          const settle = all[index]?.[1] ? turn.ready : turn.leave
          settle(() => emitted.push(index))
          settled.add(index)
          const first = all.findIndex((_, place) => !settled.has(place))
          const count = first === -1 ? all.length : first
          assert.deepEqual(
            emitted,
            Array.from({ length: count }, (_, place) => place),
          )
          assert.equal(line.length, all.length - count)
          for (const topic of ['a', 'b', 'c'])
            assert.equal(
              line.has(topic),
              all.slice(count).some(([waits]) => waits === topic),
            )
        }
      }),
    )
  })

  it('takes who joins and is ready while another is emitted after those who wait', () => {
    const line = createLine()
    const [first, second] = [line.join('a'), line.join('a')]
    const emitted: string[] = []
    second.ready(() => emitted.push('second'))
    first.ready(() => {
      line.join('a').ready(() => emitted.push('third'))
      emitted.push('first')
    })
    assert.deepEqual(emitted, ['first', 'second', 'third'])
    assert.equal(line.has('a'), false)
  })

  it('goes on after one that throws', () => {
    const line = createLine()
    const [first, second] = [line.join('a'), line.join('a')]
    const emitted: string[] = []
    second.ready(() => emitted.push('second'))
    assert.throws(
      () =>
        first.ready(() => {
          throw new Error('a careless reader')
        }),
      /careless/,
    )
    line.join('b').ready(() => emitted.push('third'))
    assert.deepEqual(emitted, ['second', 'third'])
    assert.equal(line.length, 0)
  })
})
