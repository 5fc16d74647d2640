import assert from 'node:assert/strict'
import { once } from 'node:events'
import { duplexPair } from 'node:stream'
import { describe, it } from 'node:test'
import { createPacketReader } from '../../src/mqtt/reader.ts'
import { UNLIMITED } from '../support/memory.ts'

const PING = Buffer.from([0xc0, 0])

/** A reader whose device gets its turn when `turn` is called, and what happens to it, in order. */
function open() {
  const [client, stream] = duplexPair()
  const seen: string[] = []
  let waiting: (() => void) | null = null
  const reader = createPacketReader(stream, {
    limits: {
      connectBytes: 100,
      packetBytes: 100,
      connectTimeoutMs: 60_000,
      packetTimeoutMs: 60_000,
    },
    holds: { packet: UNLIMITED.memory.open('device', 'packet') },
    enter(work) {
      waiting = work
    },
    isOver: () => false,
    onFrame: ({ first }) => seen.push(`packet ${first.toString(16)}`),
    onError: (error) => seen.push(String(error)),
    onEnd: () => seen.push('end'),
  })
  return {
    client,
    stream,
    reader,
    seen,
    turn() {
      waiting?.()
      waiting = null
    },
  }
}

describe('a client that ends its side', () => {
  it('has its packets dealt with first, even if its stream is closed before their turn', async () => {
    const { client, stream, reader, seen, turn } = open()
    client.end(Buffer.concat([PING, PING]))
    await once(stream, 'end')
    stream.destroy()
    await once(stream, 'close')
    assert.deepEqual(seen, [])
    assert.ok(reader.isFinishing())
    turn()
    assert.deepEqual(seen, ['packet c0', 'packet c0', 'end'])
  })

  it('is over at once while an earlier packet is delayed, which gives its turn to others', async () => {
    const { client, stream, reader, seen } = open()
    reader.hold()
    client.end()
    await once(stream.resume(), 'end')
    assert.deepEqual(seen, ['end'])
    assert.ok(!reader.isFinishing())
  })

  it('is over at once if nothing waits', async () => {
    const { client, stream, seen } = open()
    client.end()
    await once(stream, 'end')
    assert.deepEqual(seen, ['end'])
  })
})
