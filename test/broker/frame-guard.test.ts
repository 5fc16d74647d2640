import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { guardFrames } from '../../src/broker/frame-guard.ts'

const LIMITS = { connect: 1000, packet: 1000, time: 1000 }
const PING = Buffer.from([0xc0, 0])

test('whoever reads on while a chunk is still being handled gets the next one afterwards', async () => {
  const stream = new PassThrough()
  guardFrames(stream, LIMITS, ({ message }) => assert.fail(message))
  stream.write(PING)
  await once(stream, 'readable')
  assert.deepEqual(stream.read(), PING)
  // it arrives while the first is handled, and the parser is in the middle of that
  stream.write(PING)
  assert.ok(stream.readableLength > 0)
  assert.equal(stream.read(), null)
  await once(stream, 'readable')
  assert.deepEqual(stream.read(), PING)
})

/** Reads as aedes does: on when it is told, and again whenever the last packet of a chunk is done with. */
function readLikeAedes(stream: Duplex, isHeld: () => boolean) {
  let pending = 1
  let handled = 0
  let held: (() => void)[] = []

  function next(): void {
    pending = Math.max(0, pending - 1)
    if (pending > 0) return
    const chunk: Buffer | null = stream.read()
    for (let at = 0; at < (chunk?.length ?? 0); at += PING.length) {
      pending += 1
      handled += 1
      if (isHeld()) held.push(next)
      else next()
    }
  }

  stream.on('readable', next)
  return {
    handled: () => handled,
    release() {
      const released = held
      held = []
      for (const done of released) done()
      return released.length > 0
    },
  }
}

test('nothing stays unread, whenever chunks come and packets are done with', async () => {
  const step = fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 20 }) }),
    fc.constantFrom('release', 'turn', 'microtask', 'tick'),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.infiniteStream(fc.boolean()),
      async (steps, holds) => {
        const stream = new Duplex({ read() {}, write() {} })
        guardFrames(stream, LIMITS, ({ message }) => assert.fail(message))
        const reader = readLikeAedes(stream, () => holds.next().value)
        let pushed = 0
        for (const one of steps)
          if (typeof one === 'object') {
            pushed += one.push
            stream.push(Buffer.concat(Array.from({ length: one.push }, () => PING)))
          } else if (one === 'release') reader.release()
          else if (one === 'turn') await setImmediate()
          else if (one === 'microtask') await Promise.resolve()
          else await new Promise<void>((resolve) => process.nextTick(resolve))
        do await setImmediate()
        while (reader.release())
        await setImmediate()
        assert.equal(reader.handled(), pushed)
        stream.destroy()
      },
    ),
    { numRuns: 500 },
  )
})
