import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TopicInfo } from '../../src/catalog/catalog.ts'
import { createHeardTopics, type HeardTopic } from '../../src/presence/heard.ts'
import { createStatusTopics } from '../../src/presence/status-topics.ts'
import { createStatuses } from '../../src/presence/statuses.ts'
import { createTransitions } from '../../src/presence/transitions.ts'
import type { TopicWatch } from '../../src/presence/watches.ts'

const TTL_MS = 3_600_000
const SILENT_AFTER_100: TopicInfo = { entry: null, silenceMs: 100 }
const NEVER_SILENT: TopicInfo = { entry: null, silenceMs: null }

/** The transitions of topics that device d used at time 0, and what they did. */
function start(...topics: Partial<HeardTopic>[]) {
  const heard = createHeardTopics({ topics: 10, topicsPerDevice: 10 })
  const statuses: string[] = []
  const changed: string[] = []
  const alarms: number[] = []
  let time = 0
  let watch: Omit<TopicWatch, 'last'> = { info: SILENT_AFTER_100, kind: 'watched' }
  for (const topic of topics)
    heard.add({
      device: 'd',
      topic: 't/1',
      info: SILENT_AFTER_100,
      heardAt: 0,
      received: Date.now(),
      state: 'online',
      published: null,
      isNumber: false,
      ...topic,
    })
  const transitions = createTransitions({
    heard,
    statuses: createStatuses(heard, createStatusTopics('status/%u'), {
      put: (topic, { payload }) => void statuses.push(`${topic} ${payload}`),
    }),
    alarm: { at: (due) => void alarms.push(due) },
    ttlMs: TTL_MS,
    watchOf: () => ({ ...watch, last: null }),
    onChange: ({ topic }) => void changed.push(topic),
    now: () => time,
  })
  return {
    transitions,
    statuses,
    changed,
    alarms,
    topics: () => [...heard.all()],
    first: () => [...heard.all()][0] as HeardTopic,
    at(now: number) {
      time = now
    },
    rewatch(next: typeof watch) {
      watch = next
    },
  }
}

describe('a topic that is heard', () => {
  it('is online, and due when it would be silent', () => {
    const { transitions, first, alarms, statuses } = start({ state: 'offline', heardAt: 30 })
    transitions.markOnline(first())
    assert.equal(first().state, 'online')
    assert.deepEqual(alarms, [130])
    assert.deepEqual(statuses, ['status/d/t/1 online', 'status/d online'])
  })

  it('has no status if it never falls silent', () => {
    const { transitions, first, alarms, statuses } = start({ info: NEVER_SILENT })
    transitions.markOnline(first())
    assert.deepEqual([alarms, statuses], [[], []])
  })
})

describe('a sweep', () => {
  it('marks only topics that are silent, and returns when the next one may be', () => {
    const { transitions, at, topics, statuses } = start({}, { topic: 't/2', heardAt: 50 })
    at(100)
    assert.equal(transitions.sweep(), 150)
    assert.deepEqual(
      topics().map(({ state }) => state),
      ['offline', 'online'],
    )
    assert.equal(statuses[0], 'status/d/t/1 offline')
  })

  it('returns a minute later if nothing may fall silent before', () => {
    const { transitions, at } = start({ info: NEVER_SILENT })
    at(100)
    assert.equal(transitions.sweep(), 60_100)
  })

  const long = Date.now() - TTL_MS - 1

  for (const [name, topic] of [
    ['offline', { state: 'offline' }],
    ['of a kind that never falls silent', { info: NEVER_SILENT }],
  ] as const)
    it(`forgets a topic that is ${name} and was last used too long ago`, () => {
      const { transitions, topics, changed } = start({ ...topic, received: long })
      transitions.sweep()
      assert.deepEqual([topics(), changed], [[], ['t/1']])
    })

  it('keeps an online topic, however old its time', () => {
    const { transitions, topics } = start({ received: long })
    transitions.sweep()
    assert.equal(topics().length, 1)
  })

  it('empties the status of a topic that it forgets, and of its device', () => {
    const { transitions, first, statuses } = start({ state: 'offline' })
    transitions.markOnline(first())
    statuses.length = 0
    transitions.forget(first())
    assert.deepEqual(statuses, ['status/d/t/1 ', 'status/d '])
  })
})

describe('a change of the topics file', () => {
  it('forgets a topic that is not watched any more', () => {
    const { transitions, first, rewatch, topics, changed } = start({})
    rewatch({ info: NEVER_SILENT, kind: 'other' })
    transitions.recheck(first())
    assert.deepEqual([topics(), changed], [[], ['t/1']])
  })

  it('takes a topic back online if it may be silent for longer now', () => {
    const { transitions, first, rewatch, at, statuses } = start({ state: 'offline' })
    rewatch({ info: { entry: null, silenceMs: 1000 }, kind: 'watched' })
    at(500)
    transitions.recheck(first())
    assert.equal(first().state, 'online')
    assert.equal(statuses[0], 'status/d/t/1 online')
  })

  it('leaves a topic offline that is silent by the new time, too', () => {
    const { transitions, first, rewatch, at } = start({ state: 'offline' })
    rewatch({ info: { entry: null, silenceMs: 200 }, kind: 'watched' })
    at(500)
    transitions.recheck(first())
    assert.equal(first().state, 'offline')
  })

  it('empties the status of a topic that never falls silent now', () => {
    const { transitions, first, rewatch, statuses } = start({
      state: 'offline',
      published: 'offline',
    })
    rewatch({ info: NEVER_SILENT, kind: 'watched' })
    transitions.recheck(first())
    assert.deepEqual(statuses, ['status/d/t/1 '])
    assert.deepEqual([first().state, first().published], ['online', null])
  })
})
