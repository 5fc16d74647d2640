import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTurns } from '../src/turns.ts'

function open() {
  let time = 1_000_000
  const turns = createTurns(() => time)
  const done: string[] = []
  return {
    ...{ turns, done },
    pass(milliseconds: number) {
      time += milliseconds
    },
    /** Enters work that takes so long. */
    work(key: string, milliseconds: number, name = key) {
      turns.enter(key, () => {
        time += milliseconds
        done.push(name)
      })
    },
  }
}

describe('turns', () => {
  it('are not waited for by who is within its share', () => {
    const { work, done } = open()
    for (let count = 0; count < 5; count++) work('a', 1)
    work('b', 1)
    assert.deepEqual(done, ['a', 'a', 'a', 'a', 'a', 'b'])
  })

  it('come to each device in turn, a slice each, however much the first one has to do', async () => {
    const { work, done } = open()
    for (const key of ['flood', 'other']) work(key, 20)
    done.length = 0
    for (let count = 0; count < 6; count++) work('flood', 1)
    for (let count = 0; count < 4; count++) work('other', 1)
    assert.deepEqual(done, [])
    await nextTurn()
    assert.deepEqual(done, ['flood', 'flood', 'other', 'other'])
    await nextTurn()
    assert.deepEqual(done.slice(4), ['flood', 'flood', 'other', 'other'])
  })

  it('leave the event loop to others after some milliseconds, and who is new comes first', async () => {
    const { work, done } = open()
    const floods = Array.from({ length: 20 }, (_, index) => `flood${index}`)
    for (const flood of floods) {
      work(flood, 20)
      work(flood, 2)
    }
    done.length = 0
    await nextTurn()
    assert.deepEqual(done, ['flood0', 'flood1'])
    work('honest', 1)
    assert.equal(done.at(-1), 'honest')
  })

  it('are not waited for any more once the share is worked off', () => {
    const { work, done, pass } = open()
    work('a', 15)
    pass(49)
    work('a', 1, 'too soon')
    pass(2)
    assert.deepEqual(done, ['a'])
  })

  it('count work by what it is announced to take, where that is more', async () => {
    const { turns, done } = open()
    for (let count = 0; count < 12; count++) turns.enter('a', () => void done.push('a'), 1)
    assert.equal(done.length, 10)
    await nextTurn()
    assert.equal(done.length, 12)
  })

  it('divide a list into slices, in its order', async () => {
    const { turns, pass } = open()
    const items = Array.from({ length: 100 }, (_, index) => index)
    const seen: number[] = []
    let atOnce = 0
    const all = turns.each('a', items, (item) => {
      seen.push(item)
      pass(0.5)
    })
    atOnce = seen.length
    await all
    assert.ok(atOnce < 20, `${atOnce} at once`)
    assert.deepEqual(seen, items)
  })

  it('hand on what an item throws', async () => {
    const { turns } = open()
    const fail = () => {
      throw new Error('no')
    }
    await assert.rejects(turns.each('a', [1], fail), { message: 'no' })
  })
})
