import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Delivery } from '../../src/broker/delivery.ts'
import { DEFAULT_RETENTION } from '../../src/broker/store/defaults.ts'
import { createSilentJournal, type Journal } from '../../src/broker/store/journal.ts'
import { createMessageLog } from '../../src/broker/store/log.ts'
import { openSqliteJournal } from '../../src/broker/store/sqlite-journal.ts'
import { createIds } from '../../src/broker/store/store-context.ts'
import { createUnlimitedLedger } from '../../src/budget/ledger.ts'
import { createEventIds } from '../../src/live/event-ids.ts'
import { openLatest } from '../../src/live/latest.ts'
import { logInMemory } from '../../src/live/log-in-memory.ts'
import { createLogReader, type LogReader } from '../../src/live/log-reader.ts'
import {
  createHistory,
  createMemoryHistory,
  type MemoryBounds,
} from '../../src/live/memory-history.ts'
import { openReplay } from '../../src/live/replay.ts'
import { placeIn, placeText, type ReplayPlace } from '../../src/live/replay-place.ts'
import type { ReplayRequest } from '../../src/live/replay-range.ts'
import { topicMatches } from '../../src/topic/match.ts'
import { isLate } from '../../src/topic/time.ts'
import { createPace } from '../../src/turns/pace.ts'
import { temporaryDirectory } from '../broker/store/stores.ts'
import { delivery, receivedNow } from '../support/message.ts'

const ALL: ReplayRequest = {
  filters: ['#'],
  from: null,
  to: null,
  newestFirst: false,
  after: null,
  mayReceive: () => true,
}

/** A log with these messages, the last of them also in memory. */
async function open(journal: Journal, deliveries: readonly Delivery[], inMemory: number) {
  const log = createMessageLog({
    journal,
    onBound() {},
    memory: createUnlimitedLedger(),
    onDamage() {},
    ids: createIds(),
    now: Date.now,
    limits: {} as never,
  })
  await journal.recover(new Proxy({}, { get: () => () => {} }) as never)
  await log.begin()
  const ids = createEventIds(log.epoch())
  const history = createHistory(0, { messages: inMemory, bytes: 1e9 }, ids.of)
  for (const delivery of deliveries) {
    log.note(delivery)
    history.add(delivery)
  }
  return createLogReader(log, history, ids)
}

/** The same without a disk. */
async function openInMemory(more: Partial<MemoryBounds> = {}) {
  const log = createMessageLog({
    journal: createSilentJournal(),
    onBound() {},
    memory: createUnlimitedLedger(),
    onDamage() {},
    ids: createIds(),
    now: Date.now,
    limits: {} as never,
  })
  await log.begin()
  const ids = createEventIds(log.epoch())
  const history = createMemoryHistory({ ...DEFAULT_RETENTION, messages: 10, ...more }, ids.of)
  return { history, reader: createLogReader(logInMemory(log, history), history, ids) }
}

async function read(reader: LogReader, request: Partial<ReplayRequest>, scanned = 1e9) {
  const bounds = { scanned, milliseconds: 1e9 }
  const replay = await openReplay(reader, { ...ALL, ...request }, bounds, createPace(256))
  const found = await Array.fromAsync(replay.deliveries(), ({ sequence }) => sequence)
  return { found, replay }
}

const messages = fc
  .array(
    fc.record({
      topic: fc.constantFrom('a', 'a/b', 'c', '$SYS/x', 'a/\u{1f600}', 'a/\ufb01'),
      step: fc.integer({ min: 1, max: 5000 }),
      later: fc.integer({ min: 0, max: 120_000 }),
      // how far its time of measurement is from its arrival
      away: fc.constantFrom(0, 0, 0, -1000, 25_000, -31_000, 40_000, -600_000, -3_000_000),
      expires: fc.constantFrom(null, 1, 8e15),
      size: fc.constantFrom(1, 1, 10, 100_000),
    }),
    { maxLength: 60 },
  )
  .map((all) => {
    let [sequence, received] = [0, 1e12]
    return all.map(({ topic, step, later, away, expires, size }): Delivery => {
      sequence += step
      received += later
      const time = received + away
      const payload = Buffer.alloc(size, 'x')
      return {
        topic,
        payload,
        qos: 0,
        retain: false,
        device: 'd',
        time,
        received,
        properties: null,
        expires,
        sequence,
      }
    })
  })

const questions = fc.record({
  filters: fc.subarray(['#', 'a', 'a/#', '+', 'c', '$SYS/#'], { minLength: 1 }),
  from: fc.option(fc.integer({ min: 1e12 - 1000, max: 1e12 + 3_000_000 })),
  to: fc.option(fc.integer({ min: 1e12 - 1000, max: 1e12 + 3_000_000 })),
  newestFirst: fc.boolean(),
  scanned: fc.integer({ min: 1, max: 30 }),
  along: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
})

/** Asserts that a reader finds the same, in one or several answers, as a walk through all messages. */
async function compare(
  reader: LogReader,
  deliveries: readonly Delivery[],
  question: Omit<ReplayRequest, 'after' | 'mayReceive'> & {
    readonly scanned: number
    readonly along: number
  },
): Promise<void> {
  const { filters, from, to, newestFirst, scanned, along } = question
  const mayReceive = (topic: string) => topic !== 'c'
  const expected = inOrder(deliveries)
    .filter(
      ({ topic, time, expires }) =>
        filters.some((filter) => topicMatches(filter, topic)) &&
        mayReceive(topic) &&
        expires !== 1 &&
        (from === null || time >= from) &&
        (to === null || time < to),
    )
    .map(({ sequence }) => sequence)
  const found: number[] = []
  for (let after: ReplayPlace | null = null; ; ) {
    const { found: part, replay } = await read(reader, { ...question, mayReceive, after }, scanned)
    found.push(...part)
    if (replay.cut() === null) break
    assert.notDeepEqual(after, replay.position())
    after = placeIn(placeText(replay.position(), reader.ids), reader.ids)
  }
  if (newestFirst) expected.reverse()
  assert.deepEqual(found, expected)
  // also from any message on
  const index = Math.floor(expected.length * along)
  const number = expected[index]
  if (number === undefined) return
  const { found: rest } = await read(reader, { ...question, mayReceive, after: { number } })
  assert.deepEqual(rest, expected.slice(index + 1))
}

/** In the order of measurement; messages that are not late in the order of arrival. */
function inOrder(deliveries: readonly Delivery[]): Delivery[] {
  const key = (delivery: Delivery) => (isLate(delivery) ? delivery.time : delivery.received)
  return deliveries.toSorted(
    (one, other) =>
      key(one) - key(other) ||
      Number(isLate(other)) - Number(isLate(one)) ||
      one.sequence - other.sequence,
  )
}

/** Asserts the same for the latest message of each topic. */
async function compareLatest(
  reader: LogReader,
  deliveries: readonly Delivery[],
  filters: readonly string[],
): Promise<void> {
  const mayReceive = (topic: string) => topic !== 'c'
  const latest = new Map(deliveries.map((delivery) => [delivery.topic, delivery]))
  const expected = [...latest.values()]
    .filter(
      ({ topic, expires }) =>
        filters.some((filter) => topicMatches(filter, topic)) && mayReceive(topic) && expires !== 1,
    )
    .toSorted((a, b) => Buffer.from(a.topic).compare(Buffer.from(b.topic)))
    .map(({ sequence }) => sequence)
  const bounds = { scanned: 1, milliseconds: 1e9 }
  const found: number[] = []
  for (let after = ''; ; ) {
    const latest = openLatest(reader, { filters, after, mayReceive }, bounds, createPace(2))
    found.push(...(await Array.fromAsync(latest.deliveries(), ({ sequence }) => sequence)))
    if (latest.cut() === null) break
    assert.notEqual(after, latest.position())
    after = latest.position()
  }
  assert.deepEqual(found, expected)
}

describe('a log is read', () => {
  it('from memory', async () => {
    await fc.assert(
      fc.asyncProperty(messages, questions, fc.nat(60), async (deliveries, question, newest) => {
        const { history, reader } = await openInMemory({ messages: newest })
        for (const delivery of deliveries) history.add(delivery)
        await compare(reader, deliveries, question)
        await compareLatest(reader, deliveries, question.filters)
      }),
    )
  })

  it('from the disk, and from memory for the latest messages', async () => {
    await fc.assert(
      fc.asyncProperty(
        messages,
        fc.array(questions, { minLength: 5, maxLength: 5 }),
        fc.nat(60),
        async (deliveries, several, inMemory) => {
          const directory = temporaryDirectory()
          const journal = await openSqliteJournal(directory, { fsync: 'never' })
          try {
            const reader = await open(journal, deliveries, inMemory)
            for (const question of several) {
              await compare(reader, deliveries, question)
              await compareLatest(reader, deliveries, question.filters)
            }
            for (const time of [0, 1e12, 1e12 + 60_000, 9e12])
              assert.deepEqual(await reader.split(time), {
                before: deliveries.findLast((delivery) => delivery.received < time)?.sequence ?? 0,
                from: deliveries.find((delivery) => delivery.received >= time)?.sequence ?? null,
              })
          } finally {
            await journal.close()
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it('and reports messages that were deleted meanwhile', async () => {
    const now = receivedNow()
    const numbered = (sequence: number) => delivery(sequence, 'a', '1', { device: 'd', ...now })
    // room for 600 messages
    const { history, reader } = await openInMemory({ bytes: 600 * 102 })
    for (let number = 1; number <= 600; number++) history.add(numbered(number))
    const bounds = { scanned: 1e9, milliseconds: 1e9 }
    const replay = await openReplay(reader, ALL, bounds, createPace(256))
    assert.deepEqual(replay.gaps, ['restart'])
    const found: number[] = []
    for await (const { sequence } of replay.deliveries()) {
      found.push(sequence)
      if (sequence === 1)
        for (let number = 601; number <= 1000; number++) history.add(numbered(number))
    }
    assert.ok(replay.lost().includes('expired'))
    assert.deepEqual([found[0], found[255], found[256], found.at(-1)], [1, 256, 401, 600])
  })
})
