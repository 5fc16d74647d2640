import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCulprit } from '../../src/bridge/culprit.ts'

describe('the message that makes a broker close each connection', () => {
  it('is suspected after three connections that end at the same place, and found after three more with it alone', () => {
    const culprit = createCulprit()
    for (let cuts = 1; cuts <= 3; cuts++) {
      assert.equal(culprit.isSought(7), false)
      culprit.cut(7, null)
    }
    assert.equal(culprit.isSought(7), true)
    for (let cuts = 1; cuts <= 3; cuts++) {
      assert.equal(culprit.isFound(8), false)
      culprit.cut(7, 8)
    }
    assert.equal(culprit.isFound(8), true)
    assert.equal(culprit.isFound(9), false)
    assert.equal(culprit.isSought(8), false)
  })

  it('is not assumed if the broker acknowledges something in between, or nothing was in flight', () => {
    const culprit = createCulprit()
    for (let position = 0; position < 20; position++) {
      culprit.cut(position, position + 1)
      assert.equal(culprit.isSought(position), false)
    }
    for (let cuts = 0; cuts < 20; cuts++) culprit.cut(20, null)
    assert.equal(culprit.isSought(20), true)
    assert.equal(culprit.isFound(21), false)
  })
})
