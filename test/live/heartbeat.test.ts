import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type Beating, createHeartbeats } from '../../src/live/heartbeat.ts'

interface Noting extends Beating {
  /** When it got each heartbeat. */
  readonly times: number[]
}

function newStream(): Noting {
  const times: number[] = []
  const write = () => void times.push(Date.now())
  return { due: 0, before: null, after: null, times, write }
}

const STEP_MS = 1

/** Heartbeats and a clock that starts at 0. */
function withClock(context: TestContext) {
  context.mock.timers.enable({ apis: ['Date', 'setTimeout'] })
  return { heartbeats: createHeartbeats(Date.now), pass }

  /** Step by step, as a timer finds the time at the end of a step. */
  function pass(ms: number): void {
    for (let left = ms; left > 0; left -= STEP_MS) context.mock.timers.tick(STEP_MS)
  }
}

describe('heartbeats', () => {
  it('come at the interval of each stream, and end with it', (context) => {
    const { heartbeats, pass } = withClock(context)
    const [slow, fast, left] = [newStream(), newStream(), newStream()]
    heartbeats.start(null, slow)
    heartbeats.start(7, fast)
    heartbeats.start(7, left)
    pass(8_000)
    heartbeats.stop(7, left)
    pass(33_000)
    assert.deepEqual(slow.times, [20_000, 40_000])
    assert.deepEqual(fast.times, [7_000, 14_000, 21_000, 28_000, 35_000])
    assert.deepEqual(left.times, [7_000])
  })

  it('come together for streams that opened soon after each other', (context) => {
    const { heartbeats, pass } = withClock(context)
    const streams = Array.from({ length: 20 }, newStream)
    for (const stream of streams) {
      heartbeats.start(null, stream)
      pass(10)
    }
    pass(60_000)
    const turns = new Set(streams.flatMap(({ times }) => times))
    assert.ok(turns.size <= 6, `${turns.size} turns for three heartbeats`)
    for (const { times } of streams) {
      const waited = times.map((time, index) => time - (times[index - 1] ?? time - 20_000))
      assert.equal(times.length, 3)
      assert.ok(waited.every((ms) => ms >= 19_900 && ms <= 20_000))
    }
  })

  it('leave the event loop to others if there are many', (context) => {
    const { heartbeats, pass } = withClock(context)
    const streams = Array.from({ length: 1000 }, newStream)
    for (const stream of streams) heartbeats.start(1, stream)
    pass(1_000)
    const first = streams.filter(({ times }) => times.length > 0).length
    assert.ok(first > 0 && first < 500, `${first} at once`)
    pass(10)
    assert.ok(streams.every(({ times }) => times.length === 1))
  })

  it('are not sent by a stream that leaves for another one', (context) => {
    const { heartbeats, pass } = withClock(context)
    const first = newStream()
    heartbeats.start(1, first)
    heartbeats.stop(1, first)
    pass(500)
    const second = newStream()
    heartbeats.start(1, second)
    pass(1_400)
    assert.deepEqual([first.times, second.times], [[], [1_500]])
  })
})
