import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  acquit,
  isForgotten,
  pauseMs,
  type Suspicion,
  standingOf,
  suspect,
} from '../../../src/broker/relayed/suspicion.ts'

const LONGEST = 600_000

/** A device that was suspected at each of these milliseconds. */
function suspected(times: readonly number[], evidence: 'alone' | 'together' = 'together') {
  let suspicion: Suspicion | undefined
  for (const now of times) suspicion = suspect(suspicion, ['a'], evidence, now)
  return suspicion as Suspicion
}

describe('a device whose messages were in flight when the connection ended', () => {
  it('is trusted after the first time, which may be an accident', () => {
    assert.equal(standingOf(undefined, 0, LONGEST), 'trusted')
    assert.equal(standingOf(suspected([0]), 0, LONGEST), 'trusted')
  })

  it('is separated from the second time on, until the topic is acknowledged', () => {
    const suspicion = suspected([0, 0])
    assert.equal(standingOf(suspicion, 0, LONGEST), 'apart')
    assert.equal(standingOf(acquit(suspicion, 'other'), 0, LONGEST), 'apart')
    assert.equal(standingOf(acquit(suspicion, 'a'), 0, LONGEST), 'trusted')
  })

  it('is trusted again after a time that doubles', () => {
    assert.equal(standingOf(suspected([0, 0]), 9_999, LONGEST), 'apart')
    assert.equal(standingOf(suspected([0, 0]), 10_000, LONGEST), 'trusted')
    assert.equal(standingOf(suspected([0, 0, 0]), 19_999, LONGEST), 'apart')
    assert.equal(standingOf(suspected(Array(20).fill(0)), LONGEST - 1, LONGEST), 'apart')
    assert.equal(standingOf(suspected(Array(20).fill(0)), LONGEST, LONGEST), 'trusted')
  })

  it('is separated for longer each time, though its topics are acknowledged', () => {
    const third = acquit(suspected([0, 0, 0]), 'a')
    assert.equal(standingOf(third, 999, LONGEST), 'apart')
    assert.equal(standingOf(third, 1_000, LONGEST), 'trusted')
    const late = acquit(suspected(Array(20).fill(0)), 'a')
    assert.equal(standingOf(late, 59_999, LONGEST), 'apart')
    assert.equal(standingOf(late, 60_000, LONGEST), 'trusted')
  })

  it('is paused for a time that doubles where only its message was in flight, again', () => {
    assert.equal(pauseMs(suspected([0, 0])), 0)
    assert.equal(pauseMs(suspected([0], 'alone')), 0)
    assert.equal(standingOf(suspected([0, 0], 'alone'), 999, LONGEST), 'paused')
    assert.equal(standingOf(suspected([0, 0], 'alone'), 1_000, LONGEST), 'apart')
    assert.equal(pauseMs(suspected([0, 0, 0], 'alone')), 2_000)
    assert.equal(pauseMs(suspected(Array(20).fill(0), 'alone')), 60_000)
    assert.equal(pauseMs(acquit(suspected([0, 0, 0], 'alone'), 'a')), 0)
  })

  it('is remembered for longer than it is separated', () => {
    const suspicion = suspected([0, 0])
    assert.ok(!isForgotten(suspicion, 2 * LONGEST - 1, LONGEST))
    assert.ok(isForgotten(suspicion, 2 * LONGEST, LONGEST))
  })

  it('is never separated where the longest time is 0', () => {
    assert.equal(standingOf(suspected([0, 0, 0], 'alone'), 0, 0), 'trusted')
  })

  it('has at most 100 topics remembered, and beyond that is trusted again only by time', () => {
    const topics = Array.from({ length: 101 }, (_, index) => `t/${index}`)
    let suspicion = suspect(suspected([0]), topics, 'together', 0)
    assert.equal(suspicion.topics, null)
    for (const topic of topics) suspicion = acquit(suspicion, topic)
    assert.equal(standingOf(suspicion, 9_999, LONGEST), 'apart')
    assert.equal(standingOf(suspicion, 10_000, LONGEST), 'trusted')
  })

  it('ends no more than a few connections an hour, whatever it does', () => {
    const steps = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 120_000 }),
        isAcknowledged: fc.boolean(),
        isAlone: fc.boolean(),
      }),
      { minLength: 20, maxLength: 400 },
    )
    fc.assert(
      fc.property(steps, (all) => {
        let suspicion: Suspicion | undefined
        let now = 0
        const ended: number[] = []
        for (const { wait, isAcknowledged, isAlone } of all) {
          now += wait
          if (isAcknowledged && suspicion) suspicion = acquit(suspicion, 'a')
          const standing = standingOf(suspicion, now, LONGEST)
          if (standing === 'paused') continue
          if (standing === 'trusted') ended.push(now)
          const evidence = standing === 'apart' || isAlone ? 'alone' : 'together'
          suspicion = suspect(suspicion, ['a'], evidence, now)
        }
        for (const [index, at] of ended.entries()) {
          const within = ended.slice(index).filter((other) => other - at < 3_600_000)
          assert.ok(within.length <= 68, `${within.length} in an hour`)
        }
      }),
    )
  })
})
