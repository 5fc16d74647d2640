import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createMirror, type MirrorOptions } from '../../../src/broker/relayed/mirror.ts'
import { GatewayError } from '../../../src/errors.ts'
import { topicMatches } from '../../../src/topic/match.ts'
import type { UplinkMessage } from '../../../src/uplink/message.ts'
import { openMemory } from '../store/stores.ts'

type Tell = (message: UplinkMessage) => void

function came(topic: string, payload: string): UplinkMessage {
  return {
    topic,
    payload: Buffer.from(payload),
    qos: 0,
    retain: true,
    dup: false,
    properties: null,
    messageExpiry: null,
  }
}

/** A mirror of a broker that retains `there`; `hold` delays a reading. */
async function open(options: Partial<MirrorOptions> = {}) {
  const { store } = await openMemory()
  const there = new Map<string, string>()
  const readings: string[] = []
  const handedOn: string[] = []
  let isAway = false
  let problem: GatewayError | null = null
  let waiting: Promise<void> | null = null
  const mirror = createMirror({
    retained: store.retained,
    reader: {
      async read(filters, tell: Tell) {
        readings.push(filters.join(' '))
        await waiting
        if (problem) throw problem
        for (const [topic, payload] of there)
          if (filters.some((filter) => topicMatches(filter, topic))) tell(came(topic, payload))
      },
    },
    isFollowed: () => true,
    isAway: () => isAway,
    toMessage: ({ topic, payload, qos, retain, properties }) => ({
      topic,
      payload,
      qos,
      retain,
      properties,
      device: null,
      time: 0,
      received: 0,
      expires: null,
    }),
    handOn({ topic, payload }) {
      handedOn.push(`${topic} ${payload}`)
    },
    ...options,
  })
  return {
    mirror,
    there,
    readings,
    handedOn,
    async kept(filter = '#') {
      const found = await Array.fromAsync(store.retained.covered([filter]))
      return found.map(({ topic, payload }) => `${topic} ${payload}`).sort()
    },
    hold() {
      const held = Promise.withResolvers<void>()
      waiting = held.promise
      return held.resolve
    },
    fail(error: GatewayError | null) {
      problem = error
    },
    away(now: boolean) {
      isAway = now
      if (now) mirror.away()
    },
  }
}

describe('the mirror of what another broker retains', () => {
  it('is read once for all that wait for it, and then followed', async () => {
    const { mirror, there, readings, kept } = await open()
    there.set('a', '1').set('b/c', '2')
    mirror.follow(['#'])
    await Promise.all([mirror.ready(['a']), mirror.ready(['b/+'])])
    await mirror.ready(['a'])
    assert.deepEqual([readings, await kept()], [['#'], ['a 1', 'b/c 2']])
  })

  it('keeps a message that is newer than the reading', async () => {
    const { mirror, there, kept, hold } = await open()
    there.set('a', 'old').set('b', 'old')
    const go = hold()
    mirror.follow(['#'])
    mirror.note('a')
    go()
    await mirror.ready(['#'])
    assert.deepEqual(await kept(), ['b old'])
  })

  it('is read again after a failure, when somebody asks', async () => {
    const { mirror, there, readings, kept, fail } = await open()
    there.set('a', '1')
    fail(new GatewayError('broker_unavailable', 'It is away.'))
    mirror.follow(['a', 'b'])
    await setImmediate()
    await assert.rejects(mirror.ready(['a']), { code: 'broker_unavailable' })
    fail(null)
    await mirror.ready(['a'])
    assert.deepEqual([readings, await kept()], [['a b', 'a', 'a'], ['a 1']])
  })

  it('delivers what changed while messages were missed, and forgets what is gone', async () => {
    const { mirror, there, kept, handedOn, away } = await open()
    there.set('same', '1').set('changed', '1').set('gone', '1')
    mirror.follow(['#'])
    await mirror.ready(['#'])
    away(true)
    await mirror.ready(['changed'])
    there.set('changed', '2').set('new', '1').delete('gone')
    away(false)
    mirror.follow(['#'])
    await mirror.ready(['#'])
    assert.deepEqual(handedOn, ['changed 2', 'new 1'])
    assert.deepEqual(await kept('gone'), [])
    assert.deepEqual(await kept('same'), ['same 1'])
  })

  it('delivers nothing of filters that it did not follow before', async () => {
    const { mirror, there, kept, handedOn, away } = await open()
    mirror.follow(['a'])
    await mirror.ready(['a'])
    away(true)
    there.set('a', '1').set('b', '1')
    away(false)
    mirror.follow(['#'])
    mirror.release(['a'], ['#'])
    await mirror.ready(['#'])
    assert.deepEqual([handedOn, await kept()], [['a 1'], ['b 1']])
  })

  it('repeats a reading that began before messages were missed', async () => {
    const { mirror, there, readings, kept, hold, away } = await open()
    there.set('a', '1')
    const go = hold()
    mirror.follow(['#'])
    away(true)
    go()
    await setImmediate()
    away(false)
    mirror.follow(['#'])
    await mirror.ready(['#'])
    assert.deepEqual([readings, await kept()], [['#', '#'], ['a 1']])
  })

  it('forgets what is released, unless other filters still cover it', async () => {
    const { mirror, there, kept } = await open()
    there.set('a', '1').set('b', '1')
    mirror.follow(['+'])
    await mirror.ready(['+'])
    mirror.release(['+'], ['b'])
    await setImmediate()
    assert.deepEqual(await kept(), ['b 1'])
  })

  it('is read each time where it cannot be followed', async () => {
    const { mirror, there, readings, kept } = await open({ isFollowed: () => false })
    mirror.follow(['#'])
    there.set('a', '1')
    await mirror.ready(['a'])
    there.set('a', '2')
    await mirror.ready(['a'])
    assert.deepEqual([readings, await kept()], [['a', 'a'], ['a 2']])
    there.delete('a')
    await mirror.ready(['a'])
    assert.deepEqual(await kept(), [])
  })
})
