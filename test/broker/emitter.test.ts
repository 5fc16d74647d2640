import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createEmitter, type Emitter, type Listener } from '../../src/broker/emitter.ts'
import { createLines } from '../../src/broker/line.ts'
import { setStamp, stampOf } from '../../src/broker/stamp.ts'

function on(emitter: Emitter, filter: string, listener: Listener): Promise<void> {
  return new Promise((resolve) => emitter.on(filter, listener, resolve))
}

function stamped(topic: string) {
  const packet = { topic }
  setStamp(packet, { device: null, time: 0 })
  return packet
}

describe('the emitter', () => {
  it('hands a packet to whoever has a filter that covers it, and is done when they are', async () => {
    const emitter = createEmitter()
    const got: string[] = []
    let release = () => {}
    await on(emitter, 'a/+', (_packet, done) => {
      got.push('a/+')
      done()
    })
    await on(emitter, '#', (_packet, done) => {
      got.push('#')
      release = done
    })
    await on(emitter, 'b', () => assert.fail('not covered'))
    let done = false
    emitter.emit({ topic: 'a/b' }, () => {
      done = true
    })
    assert.deepEqual(got.sort(), ['#', 'a/+'])
    assert.equal(done, false)
    release()
    assert.equal(done, true)
  })

  it('numbers what is stamped, in the order in which it is emitted', async () => {
    const emitter = createEmitter()
    const lines = createLines()
    const numbers: [string, number | undefined][] = []
    await on(emitter, '#', (packet, done) => {
      numbers.push([packet.topic, stampOf(packet)?.sequence])
      done()
    })
    const [first, second, other] = [stamped('a'), stamped('a'), stamped('b')]
    for (const packet of [first, second]) {
      const stamp = stampOf(packet)
      assert.ok(stamp)
      stamp.turn = lines.join('a')
    }
    emitter.emit(second)
    emitter.emit(other)
    emitter.emit({ topic: 'of-aedes' })
    emitter.emit(first)
    assert.deepEqual(numbers, [
      ['b', 1],
      ['of-aedes', undefined],
      ['a', 2],
      ['a', 3],
    ])
  })

  it('has listeners come and go, while a packet is handed out too', async () => {
    const emitter = createEmitter()
    const got: string[] = []
    const second: Listener = (_packet, done) => {
      got.push('second')
      done()
    }
    const first: Listener = (_packet, done) => {
      got.push('first')
      emitter.removeListener('a', first)
      emitter.on('a', second)
      done()
    }
    await on(emitter, 'a', first)
    let done = 0
    emitter.emit({ topic: 'a' }, () => {
      done += 1
    })
    got.length = 0
    emitter.emit({ topic: 'a' }, () => {
      done += 1
    })
    assert.deepEqual(got, ['second'])
    assert.equal(done, 2)
    emitter.removeListener('a', second)
    emitter.emit({ topic: 'a' })
    assert.deepEqual(got, ['second'])
  })

  it('takes nothing more once it is closed', async () => {
    const emitter = createEmitter()
    await on(emitter, '#', () => assert.fail('closed'))
    await new Promise<void>((resolve) => emitter.close(resolve))
    let problem: Error | undefined
    emitter.emit(stamped('a'), (error) => {
      problem = error
    })
    assert.match(String(problem), /closed/)
    emitter.emit(stamped('a'))
  })
})
