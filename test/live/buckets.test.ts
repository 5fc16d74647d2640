import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type BucketOptions, createBuckets } from '../../src/live/buckets.ts'

const OPTIONS: BucketOptions = { every: 100, field: null, most: 1000, mostCharacters: 1000 }

interface Sample {
  readonly topic: string
  readonly value: number
  readonly time: number
}

const samples = fc.array(
  fc.record({
    topic: fc.constantFrom('a', 'b', 'c'),
    value: fc.oneof(fc.integer({ min: -1e6, max: 1e6 }), fc.constantFrom(1.7e308, -1.7e308, 0.1)),
    time: fc.integer({ min: 0, max: 1000 }),
  }),
)

function fill(all: readonly Sample[], options = OPTIONS) {
  const buckets = createBuckets<number>(options)
  const taken = all.map(({ topic, value, time }, sequence) =>
    buckets.add({ topic, time, sequence, payload: Buffer.from(String(value)) }, sequence),
  )
  return { buckets, taken }
}

describe('buckets', () => {
  it('are the same as when each is counted on its own', () => {
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 500 }), (all, every) => {
        const rows = fill(all, { ...OPTIONS, every }).buckets.rows(false)
        const groups = Map.groupBy(all, ({ topic, time }) =>
          JSON.stringify([Math.floor(time / every) * every, topic]),
        )
        assert.equal(rows.length, groups.size)
        for (const { topic, from, count, min, mean, max, last } of rows) {
          const samples = groups.get(JSON.stringify([from, topic])) ?? []
          const values = samples.map(({ value }) => value)
          const latest = samples.toSorted((one, other) => one.time - other.time).at(-1)
          assert.deepEqual(
            [count, min, max, last],
            [values.length, Math.min(...values), Math.max(...values), latest?.value],
          )
          const expected = values.reduce((sum, value) => sum + value / values.length, 0)
          assert.ok(mean >= min && mean <= max)
          const scale = Math.max(1, ...values.map(Math.abs))
          assert.ok(Math.abs(mean - expected) <= 1e-9 * scale, `${mean} ${expected}`)
        }
      }),
    )
  })

  it('come in order and in reverse order', () => {
    fc.assert(
      fc.property(samples, (all) => {
        const { buckets } = fill(all)
        const rows = buckets.rows(false)
        assert.deepEqual(buckets.rows(true), rows.toReversed())
        for (const [index, { from, topic }] of rows.entries()) {
          const next = rows[index + 1]
          if (next) assert.ok(from < next.from || (from === next.from && topic < next.topic))
        }
      }),
    )
  })

  it('are the same from either end', () => {
    fc.assert(
      fc.property(samples, (all) => {
        const reversed = createBuckets<number>(OPTIONS)
        for (const [sequence, { topic, value, time }] of [...all.entries()].reverse())
          reversed.add({ topic, time, sequence, payload: Buffer.from(String(value)) }, sequence)
        const without = ({ mean: _, ...bucket }: { mean: number; lastNumber?: number }) => bucket
        assert.deepEqual(
          reversed.rows(false).map(without),
          fill(all).buckets.rows(false).map(without),
        )
      }),
    )
  })

  it('stay within their room', () => {
    fc.assert(
      fc.property(samples, fc.nat(5), fc.nat(3), (all, most, mostCharacters) => {
        const { buckets, taken } = fill(all, { ...OPTIONS, most, mostCharacters })
        const rows = buckets.rows(false)
        assert.ok(rows.length <= most)
        assert.ok(new Set(rows.map(({ topic }) => topic)).size <= mostCharacters)
        const counted = rows.reduce((sum, { count }) => sum + count, 0)
        assert.equal(counted, taken.filter((isTaken) => isTaken).length)
      }),
    )
  })

  it('have the last number by measurement, not by arrival', () => {
    const at = (value: number, time: number) => ({ topic: 'a', value, time })
    const { buckets } = fill([at(1, 10), at(2, 30), at(3, 20)])
    assert.equal(buckets.rows(false)[0]?.last, 2)
  })

  it('are left to the next answer while they are incomplete', () => {
    const at = (time: number) => ({ topic: 'a', value: 1, time })
    const { buckets } = fill([at(10), at(110), at(120)])
    assert.deepEqual(buckets.forgetUnfinished(), 1)
    assert.deepEqual(
      buckets.rows(false).map(({ from, count }) => [from, count]),
      [[0, 1]],
    )
    assert.equal(fill([at(10), at(20)]).buckets.forgetUnfinished(), null)
    // the clock was set back and forth; continuing before the first message would never end
    assert.equal(fill([at(110), at(10), at(120)]).buckets.forgetUnfinished(), null)
  })
})

describe('a member of a JSON payload', () => {
  /** The number at `path`, as a bucket takes it; null if there is none. */
  function member(payload: string, path: string): number | null {
    const buckets = createBuckets<number>({ ...OPTIONS, field: path.split('.') })
    buckets.add({ topic: 'a', time: 0, sequence: 1, payload: Buffer.from(payload) }, 1)
    return buckets.rows(false)[0]?.last ?? null
  }

  it('is found by its path, only if it is an own number', () => {
    assert.equal(member('{"a":{"b":[1,2.5]}}', 'a.b.1'), 2.5)
    for (const [payload, path] of [
      ['{"a":"1"}', 'a'],
      ['{"a":1e999}', 'a'],
      ['{"a":[1]}', 'a.length'],
      ['{"a":1}', 'a.b'],
      ['{}', 'constructor.length'],
      ['{}', '__proto__'],
      ['null', 'a'],
      ['{', 'a'],
      ['', 'a'],
    ] as const)
      assert.equal(member(payload, path), null, payload)
  })

  it('never throws, whatever the payload', () => {
    fc.assert(fc.property(fc.json(), fc.string(), (json, path) => void member(json, path)))
    member('['.repeat(100_000), 'a')
  })
})
