import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createWire } from '../../src/broker/wire.ts'

/** A wire to somebody who takes what comes only when let. */
function open() {
  const writes: string[] = []
  let take = () => {}
  let taken = 0
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      writes.push(String(chunk))
      take = done
    },
  })
  const wire = createWire(stream, () => {
    taken += 1
  })
  return { wire, writes, take: () => take(), taken: () => taken }
}

describe('the wire', () => {
  it('sends what is written in one turn as one', async () => {
    const { wire, writes, take, taken } = open()
    for (const text of ['a', 'b', 'c']) wire.write(Buffer.from(text))
    assert.deepEqual([writes, wire.waiting], [[], 3])
    await setImmediate()
    assert.deepEqual([writes, wire.waiting], [['abc'], 3])
    take()
    await setImmediate()
    assert.deepEqual([wire.waiting, taken()], [0, 1])
  })

  it('does not wait for the end of the turn when there is much', () => {
    const { wire, writes } = open()
    wire.write(Buffer.alloc(65_536))
    assert.equal(writes[0]?.length, 65_536)
  })

  it('lets a client that reads none of its answers go on a thousand times, and again when it reads', async () => {
    const { wire, take } = open()
    wire.write(Buffer.from('answers'))
    await setImmediate()
    let gone = 0
    for (let n = 0; n < 5000; n++) wire.owe(() => void gone++)
    assert.equal(gone, 1000)
    take()
    await setImmediate()
    assert.equal(gone, 5000)
  })
})
