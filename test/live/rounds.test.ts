import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Entry } from '../../src/live/entry.ts'
import { createRounds } from '../../src/live/rounds.ts'
import { accessTo, closeStreams, delivery, newHub, prepareStream } from '../support/live-stream.ts'

/** Milliseconds that a reader takes: some thirty take the time of a turn of the event loop. */
const EACH_MS = 1 / 15
const MANY = 100

type Reader = string[]

const entry = (topic: string) => ({ topic, sequence: topic.charCodeAt(0) }) as Entry

/** An audience of many readers, or as many audiences of one, which note the topics of entries. */
function newRounds() {
  const readers = new Set(Array.from({ length: MANY }, (): Reader => []))
  const audiences = [...readers].map((reader) => new Set([reader]))
  let time = 0
  const rounds = createRounds<Reader>(
    ({ topic }, rest, most) => {
      let left = most
      for (const reader of rest) {
        reader.push(topic)
        time += EACH_MS
        left -= 1
        if (left === 0) return
      }
    },
    () => time,
  )
  const having = (topic: string) => [...readers].filter((reader) => reader.includes(topic)).length
  function deliverToEach(delivered: Entry): void {
    for (const audience of audiences) rounds.deliver(delivered, audience)
  }
  return { readers, audiences, rounds, having, deliverToEach }
}

/** Entry a, of which the delivery has begun, comes to all readers in several turns of the event loop, once to each. */
async function arrivesInTurns({ readers, having }: ReturnType<typeof newRounds>): Promise<void> {
  const first = having('a')
  assert.ok(first > 0 && first < MANY / 2, `${first} readers have it at once`)
  await setImmediate()
  const second = having('a')
  assert.ok(second > first && second < MANY, `${second} readers have it in the next turn`)
  while (having('a') < MANY) await setImmediate()
  await setImmediate()
  for (const reader of readers) assert.deepEqual(reader, ['a'])
}

describe('an entry for many readers', () => {
  it('is given to them in several turns of the event loop, once to each', async () => {
    const made = newRounds()
    made.rounds.deliver(entry('a'), made.readers)
    await arrivesInTurns(made)
  })

  it('comes before the next one, whose publisher pays for it', () => {
    const { readers, rounds, having } = newRounds()
    rounds.deliver(entry('a'), readers)
    rounds.deliver(entry('b'), readers)
    assert.equal(having('a'), MANY)
    rounds.finish(readers)
    for (const reader of readers) assert.deepEqual(reader, ['a', 'b'])
  })

  it('does not delay that of another audience', async () => {
    const { readers, rounds, having } = newRounds()
    const others = new Set<Reader>([[]])
    rounds.deliver(entry('a'), readers)
    rounds.deliver(entry('b'), others)
    assert.deepEqual([...others], [['b']])
    assert.ok(having('a') < MANY)
    rounds.finish(others)
    assert.ok(having('a') < MANY)
    rounds.finishAll()
    assert.equal(having('a'), MANY)
  })

  it('is not given to readers that leave in the meantime', async () => {
    const { readers, rounds, having } = newRounds()
    const gone = [...readers].slice(-20)
    rounds.deliver(entry('a'), readers)
    for (const reader of gone) readers.delete(reader)
    while (having('a') < MANY - 20) await setImmediate()
    for (let turn = 0; turn < 4; turn++) await setImmediate()
    assert.deepEqual(gone.flat(), [])
  })
})

describe('an entry for many audiences', () => {
  it('is given to them in several turns of the event loop, once to each', async () => {
    const made = newRounds()
    made.deliverToEach(entry('a'))
    await arrivesInTurns(made)
  })

  it('comes before the next one, and at once to an audience that is to change', () => {
    const { readers, audiences, rounds, having, deliverToEach } = newRounds()
    deliverToEach(entry('a'))
    const last = audiences.at(-1) as Set<Reader>
    const before = having('a')
    rounds.finish(last)
    rounds.finish(last)
    assert.deepEqual([...last], [['a']])
    assert.equal(having('a'), before + 1)
    deliverToEach(entry('b'))
    assert.equal(having('a'), MANY)
    assert.ok(having('b') < MANY)
    rounds.finishAll()
    for (const reader of readers) assert.deepEqual(reader, ['a', 'b'])
  })

  it('does not hold back another entry', () => {
    const { rounds, deliverToEach } = newRounds()
    const others = new Set<Reader>([[]])
    deliverToEach(entry('a'))
    rounds.deliver(entry('b'), others)
    assert.deepEqual([...others], [['b']])
  })
})

for (const [name, filtersOf] of [
  ['the same filters', () => ['#']],
  ['different filters', (index: number) => ['#', `other/${index}`]],
] as const)
  describe(`many streams of ${name}`, () => {
    const filters = filtersOf(MANY)

    /** So many that the last one gets an event in a later turn of the event loop, as the first one takes too long. */
    async function openMany() {
      const hub = newHub()
      const slow = {
        ...accessTo('#'),
        mayReceive() {
          for (const until = performance.now() + 3; performance.now() < until; );
          return true
        },
      }
      const first = prepareStream({ hub, access: slow, filters: filtersOf(0) })
      const others = Array.from({ length: MANY }, (_, index) =>
        prepareStream({ hub, filters: filtersOf(index + 1) }),
      )
      const streams = [first, ...others]
      for (const { stream } of streams) await stream()
      const last = streams.at(-1) as typeof first
      return { hub, last }
    }

    it('get what was published before others join, which get it at most once', async () => {
      const { hub, last } = await openMany()
      const [early, late] = [prepareStream({ hub, filters }), prepareStream({ hub, filters })]
      const opening = early.stream()
      hub.deliver(delivery('1'))
      assert.deepEqual(last.payloads(), [])
      await Promise.all([opening, late.stream()])
      assert.deepEqual(last.payloads(), ['1'])
      hub.deliver(delivery('2'))
      while (late.payloads().length === 0) await setImmediate()
      assert.deepEqual([early.payloads(), late.payloads()], [['1', '2'], ['2']])
      await closeStreams()
    })

    it('get what was published before they are told that messages may be missing, and before they end', async () => {
      const { hub, last } = await openMany()
      hub.deliver(delivery('1'))
      hub.missed(7)
      assert.match(last.raw(), /data: 1\n\nevent: gap\n/)
      hub.deliver(delivery('2'))
      hub.endAll()
      assert.match(last.raw(), /data: 2\n\nretry: 2000\n\n$/)
      await closeStreams()
    })

    it('get it without those that fail, and after new rules only if they may read it', async () => {
      const { hub, last } = await openMany()
      let mayRead = true
      const failing = () => {
        throw new Error('broken rules')
      }
      const prepare = (index: number, access = accessTo('#')) =>
        prepareStream({ hub, filters: filtersOf(MANY + index), access })
      const failed = prepare(1, { ...accessTo('#'), mayReceive: failing })
      const denied = prepare(2, { ...accessTo('#'), mayReceive: () => mayRead })
      const after = prepare(3)
      for (const { stream } of [failed, denied, after]) await stream()
      hub.deliver(delivery('1'))
      mayRead = false
      while (after.payloads().length === 0) await setImmediate()
      assert.deepEqual(hub.failures, [new Error('broken rules')])
      assert.equal(failed.sink.writableEnded, true)
      assert.deepEqual(
        [failed, denied, last].map(({ payloads }) => payloads()),
        [[], [], ['1']],
      )
      await closeStreams()
    })
  })
