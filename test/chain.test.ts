import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Chain, createChain, type Link } from '../src/chain.ts'

interface Item extends Link<Item> {
  readonly name: number
}

const itemOf = (name: number): Item => ({ name, before: null, after: null })

function namesIn(chain: Chain<Item>): number[] {
  const names: number[] = []
  chain.each(({ name }) => names.push(name))
  return names
}

describe('a chain', () => {
  it('has what a set has, in the same order, whatever is added and removed', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (names) => {
        const items = Array.from({ length: 21 }, (_, name) => itemOf(name))
        const chain = createChain<Item>()
        const set = new Set<number>()
        for (const name of names) {
          const item = items[name] as Item
          if (set.delete(name)) chain.remove(item)
          else {
            set.add(name)
            chain.add(item)
          }
          assert.equal(chain.size, set.size)
          assert.deepEqual(namesIn(chain), [...set])
          assert.equal(chain.first()?.name, [...set][0])
        }
      }),
    )
  })

  it('lets each item be removed while it is visited', () => {
    const chain = createChain<Item>()
    for (const name of [1, 2, 3, 4]) chain.add(itemOf(name))
    const visited: number[] = []
    chain.each((item) => {
      visited.push(item.name)
      if (item.name % 2 === 1) chain.remove(item)
    })
    assert.deepEqual(visited, [1, 2, 3, 4])
    assert.deepEqual(namesIn(chain), [2, 4])
  })

  it('removes an item once, and leaves it no link to the others', () => {
    const chain = createChain<Item>()
    const items = [1, 2, 3].map(itemOf)
    for (const item of items) chain.add(item)
    const middle = items[1] as Item
    chain.remove(middle)
    chain.remove(middle)
    assert.deepEqual([middle.before, middle.after], [null, null])
    assert.deepEqual(namesIn(chain), [1, 3])
    assert.equal(chain.size, 2)
  })
})
