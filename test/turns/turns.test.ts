import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createTurns } from '../../src/turns/turns.ts'

function open() {
  let time = 1_000_000
  const done: string[] = []
  let waits = 0
  const onWait = () => {
    waits += 1
  }
  let loops = 0
  const turns = createTurns(
    onWait,
    () => time,
    () => loops,
  )
  /** Enters work that takes that long. */
  function work(key: string, milliseconds: number, name = key): void {
    turns.enter(key, () => {
      time += milliseconds
      done.push(name)
    })
  }

  return {
    turns,
    done,
    work,
    waits: () => waits,
    /** Begins the next turn of the event loop, for what may go at once. */
    nextLoop() {
      loops += 1
    },
    pass(milliseconds: number) {
      time += milliseconds
    },
    /** Uses up the share. */
    tire(key: string) {
      for (let count = 0; count < 3; count++) turns.enter(key, () => {}, 4)
    },
  }
}

describe('turns', () => {
  it('are immediate within the share of a device', () => {
    const { work, done, waits } = open()
    for (let count = 0; count < 5; count++) work('a', 1)
    work('b', 1)
    assert.deepEqual(done, ['a', 'a', 'a', 'a', 'a', 'b'])
    assert.equal(waits(), 0)
  })

  it('are immediate for the first piece of each turn of the event loop while nobody waits', async () => {
    const { work, tire, nextLoop, done, waits } = open()
    tire('a')
    tire('b')
    for (let count = 0; count < 3; count++) {
      nextLoop()
      work('a', 1)
    }
    assert.deepEqual(done, ['a', 'a', 'a'])
    work('b', 1)
    nextLoop()
    work('a', 1)
    assert.deepEqual(done, ['a', 'a', 'a'], 'b used more than a, and waits')
    assert.equal(waits(), 2)
    await nextTurn()
    assert.deepEqual(done, ['a', 'a', 'a', 'b', 'a'])
  })

  it('are given to each device in slices, however much work the first one has', async () => {
    const { turns, work, tire, done, waits } = open()
    for (const key of ['flood', 'other']) tire(key)
    done.length = 0
    const before = waits()
    assert.equal(turns.hasWaiting(), false)
    for (let count = 0; count < 6; count++) work('flood', 0.5)
    for (let count = 0; count < 4; count++) work('other', 0.5)
    assert.deepEqual(done, [])
    assert.equal(waits() - before, 10)
    assert.equal(turns.hasWaiting(), true)
    await nextTurn()
    assert.deepEqual(done, ['flood', 'flood', 'other', 'other'])
    await nextTurn()
    assert.deepEqual(done.slice(4), ['flood', 'flood', 'other', 'other'])
  })

  it('yield the event loop after some milliseconds, and then begin with a new device', async () => {
    const { work, tire, done } = open()
    const floods = Array.from({ length: 20 }, (_, index) => `flood${index}`)
    for (const flood of floods) tire(flood)
    for (const flood of floods) work(flood, 1)
    await nextTurn()
    assert.equal(done.length, 2)
    work('honest', 1)
    assert.equal(done.at(-1), 'honest')
  })

  it('are given first to the device that has used least, however long others have waited', async () => {
    const { work, tire, done } = open()
    const floods = Array.from({ length: 20 }, (_, index) => `flood${index}`)
    for (const flood of floods) tire(flood)
    for (const flood of floods) for (let count = 0; count < 4; count++) work(flood, 1)
    work('busy', 3)
    work('busy', 1)
    assert.deepEqual(done, ['busy'])
    await nextTurn()
    assert.deepEqual(done.slice(0, 2), ['busy', 'busy'])
  })

  it('are queued for everybody with more than a little work, as soon as one device waits', async () => {
    const { work, tire, done } = open()
    const many = Array.from({ length: 20 }, (_, index) => `device${index}`)
    tire('flood')
    for (let count = 0; count < 10; count++) work('flood', 1)
    done.length = 0
    // each within its share, but together more than the available time
    for (const key of many) for (let count = 0; count < 5; count++) work(key, 1)
    assert.equal(done.length, 3 * many.length)
    work('honest', 1)
    assert.equal(done.at(-1), 'honest')
  })

  it('are immediate again once the share has recovered', async () => {
    const { work, tire, done, pass } = open()
    tire('a')
    done.length = 0
    pass(5)
    work('a', 1, 'too soon')
    assert.deepEqual(done, [])
    await nextTurn()
    pass(100)
    work('a', 1)
    assert.deepEqual(done, ['too soon', 'a'])
  })

  it('do not count time in which the system stopped the process', () => {
    const { work, done } = open()
    for (let count = 0; count < 2; count++) work('a', 500)
    work('a', 1)
    assert.equal(done.length, 3)
  })

  it('count the announced time of work where that is more', async () => {
    const { turns, done } = open()
    for (let count = 0; count < 12; count++) turns.enter('a', () => void done.push('a'), 1)
    assert.equal(done.length, 10)
    await nextTurn()
    assert.equal(done.length, 12)
  })

  it('divide a list into slices, in order', async () => {
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

  it('take an item from an iterator only when its turn has come', async () => {
    const { turns, pass, tire } = open()
    tire('a')
    let made = 0
    function* items() {
      while (made < 100) yield ++made
    }
    const all = turns.each('a', items(), () => pass(0.5))
    assert.equal(made, 0)
    await nextTurn()
    assert.ok(made > 0 && made < 20, `${made} in the first turn`)
    await all
    assert.equal(made, 100)
  })

  it('are given once for work that comes while the last piece of a device is being done', async () => {
    const { turns, work, tire, done } = open()
    tire('a')
    done.length = 0
    turns.enter('a', () => turns.enter('a', () => done.push('later'), 1), 1)
    while (turns.hasWaiting()) await nextTurn()
    assert.deepEqual(done, ['later'])
    work('a', 1)
    assert.equal(turns.hasWaiting(), true)
  })

  it('are counted for a device whose work is underway while others come by the thousand', async () => {
    const { turns, work, tire, pass, done } = open()
    turns.enter('a', () => {
      turns.enter('b', () => {
        for (let count = 0; count < 3000; count++) turns.enter(`new ${count}`, () => {})
      })
      pass(4)
    })
    tire('flood')
    work('flood', 1)
    work('a', 1)
    assert.deepEqual(done, [])
    await nextTurn()
    assert.deepEqual(done, ['a', 'flood'])
  })

  it('pass on the error of an item', async () => {
    const { turns } = open()
    const fail = () => {
      throw new Error('no')
    }
    await assert.rejects(turns.each('a', [1], fail), { message: 'no' })
  })
})
