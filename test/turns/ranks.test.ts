import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createRanks } from '../../src/turns/ranks.ts'

describe('ranks', () => {
  it('give the items of the lowest rank first, in the order in which they were added', () => {
    const ranks = createRanks<string>()
    ranks.add('high', 7)
    ranks.add('low', 2)
    ranks.add('middle', 3)
    ranks.add('low too', 2)
    const taken = [ranks.take(), ranks.take()]
    ranks.add('lowest', 1)
    for (let count = 0; count < 4; count++) taken.push(ranks.take())
    assert.deepEqual(taken, ['low', 'low too', 'lowest', 'middle', 'high', undefined])
  })
})
