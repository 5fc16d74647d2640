import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { joinPackets } from '../../src/mqtt/join.ts'
import { createWire } from '../../src/mqtt/wire.ts'
import { UNLIMITED } from '../support/memory.ts'

/** A wire to a client that reads only when the test lets it. */
function open() {
  const writes: string[] = []
  let take = () => {}
  let taken = 0
  let isBusy = false
  let time = 0
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      writes.push(String(chunk))
      take = done
    },
  })
  const wire = createWire(stream, {
    holds: { delivery: UNLIMITED.memory.open('device', 'delivery') },
    onTaken() {
      taken += 1
    },
    onFull() {},
    shared: { join: joinPackets, isBusy: () => isBusy, now: () => time },
  })
  return {
    wire,
    writes,
    take: () => take(),
    taken: () => taken,
    setBusy(value: boolean) {
      isBusy = value
    },
    pass(milliseconds: number) {
      time += milliseconds
    },
  }
}

describe('the wire', () => {
  it('sends the writes of one turn as one', async () => {
    const { wire, writes, take, taken } = open()
    for (const text of ['a', 'b', 'c']) wire.write(Buffer.from(text))
    assert.deepEqual([writes, wire.waiting()], [[], 3])
    await setImmediate()
    assert.deepEqual([writes, wire.waiting()], [['abc'], 3])
    take()
    await setImmediate()
    assert.deepEqual([wire.waiting(), taken()], [0, 1])
  })

  it('gathers for 10 milliseconds while work waits for its turn', async () => {
    const { wire, writes, take, setBusy, pass } = open()
    setBusy(true)
    wire.write(Buffer.from('a'))
    await setImmediate()
    // the first write of a while does not gather
    assert.deepEqual(writes, ['a'])
    take()
    for (const text of ['b', 'c', 'd']) {
      pass(3)
      wire.write(Buffer.from(text))
      await setImmediate()
    }
    assert.deepEqual(writes, ['a'])
    pass(1)
    await setImmediate()
    assert.deepEqual(writes, ['a', 'bcd'])
  })

  it('writes what it has gathered as soon as no work waits', async () => {
    const { wire, writes, take, setBusy } = open()
    wire.write(Buffer.from('a'))
    await setImmediate()
    take()
    setBusy(true)
    wire.write(Buffer.from('b'))
    await setImmediate()
    setBusy(false)
    await setImmediate()
    assert.deepEqual(writes, ['a', 'b'])
  })

  it('does not gather more than a TLS record', async () => {
    const { wire, writes, take, setBusy } = open()
    wire.write(Buffer.from('a'))
    await setImmediate()
    take()
    setBusy(true)
    wire.write(Buffer.alloc(16_384))
    await setImmediate()
    assert.equal(writes.length, 2)
  })

  it('does not wait for the end of the turn with many bytes', () => {
    const { wire, writes } = open()
    wire.write(Buffer.alloc(65_536))
    assert.equal(writes[0]?.length, 65_536)
  })

  it('writes one piece at a time, so that the progress of a slow reader is seen', async () => {
    const { wire, writes, take, taken } = open()
    for (let count = 0; count < 40; count++) wire.write(Buffer.alloc(10_000, count))
    await setImmediate()
    assert.equal(wire.waiting(), 400_000)
    for (let pieces = 1; wire.waiting() > 0; pieces++) {
      assert.ok((writes.at(-1)?.length ?? 0) < 80_000)
      take()
      await setImmediate()
      assert.equal(taken(), pieces)
    }
    assert.equal(writes.join(''), [...Array(40).keys()].map(chunkOf).join(''))
  })

  it('keeps the order of many small writes that wait, and of later ones', async () => {
    const { wire, writes, take } = open()
    const written: string[] = []
    for (let count = 0; count < 1000; count++) {
      written.push(`${count} `)
      wire.write(Buffer.from(`${count} `))
      if (count % 3 === 0) await setImmediate()
      if (count % 100 === 0) take()
    }
    while (wire.waiting() > 0) {
      await setImmediate()
      take()
    }
    assert.equal(writes.join(''), written.join(''))
  })

  it('takes little more memory than their bytes for small writes that wait', async () => {
    const { wire, writes, take } = open()
    for (let count = 0; count < 1000; count++) {
      wire.write(Buffer.from('packet'))
      await setImmediate()
    }
    // everything that waits is one write, as it is less than a piece
    take()
    await setImmediate()
    take()
    await setImmediate()
    assert.deepEqual(
      writes.map(({ length }) => length),
      [6, 6, 6 * 998],
    )
  })

  it('writes everything before the end', async () => {
    const { wire, writes, take } = open()
    for (const text of ['a', 'b', 'c', 'd']) {
      wire.write(Buffer.from(text))
      if (text !== 'd') await setImmediate()
    }
    wire.end()
    for (let count = 0; count < 3; count++) {
      take()
      await setImmediate()
    }
    assert.equal(writes.join(''), 'abcd')
  })
})

function chunkOf(byte: number): string {
  return String(Buffer.alloc(10_000, byte))
}
