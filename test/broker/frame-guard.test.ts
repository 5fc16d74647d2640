import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { guardFrames } from '../../src/broker/frame-guard.ts'

const LIMITS = { connect: 1000, packet: 1000, time: 1000 }
const PING = Buffer.from([0xc0, 0])

test('whoever reads on while a chunk is still being handled gets the next one afterwards', async () => {
  const stream = new PassThrough()
  guardFrames(stream, LIMITS, (reason) => assert.fail(reason))
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
