import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createRecent } from '../../src/budget/recent.ts'

describe('the recently used values', () => {
  it('are bounded, and the least recently used one is dropped first', () => {
    let forgotten = 0
    const recent = createRecent<number>(2, () => {
      forgotten += 1
    })
    recent.set('a', 1)
    recent.set('b', 2)
    assert.equal(recent.get('a'), 1)
    recent.set('c', 3)
    assert.deepEqual([recent.get('a'), recent.get('b'), recent.get('c')], [1, undefined, 3])
    assert.equal(forgotten, 1)
  })

  it('are the same as in a list in the order of use', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const step = fc.tuple(fc.constantFrom('get', 'set', 'delete'), key)
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 0, max: 4 }), (steps, most) => {
        const recent = createRecent<number>(most)
        let list: [key: string, value: number][] = []
        for (const [n, [what, name]] of steps.entries()) {
          const known = list.find(([one]) => one === name)
          const others = list.filter((one) => one !== known)
          if (what === 'get') {
            assert.equal(recent.get(name), known?.[1])
            if (known) list = [...others, known]
          } else if (what === 'set') {
            recent.set(name, n)
            list = [...others, [name, n] as [string, number]].slice(-most || Infinity)
          } else {
            recent.delete(name)
            list = others
          }
          assert.deepEqual(
            [...recent.values()],
            list.map(([, value]) => value),
          )
        }
      }),
    )
  })
})
