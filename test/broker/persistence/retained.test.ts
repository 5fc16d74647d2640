import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTally, KINDS, openFile, temporaryDirectory } from './stores.ts'
import { packetOf } from './traffic.ts'

const kept = { qos: 1, retain: true } as const

for (const { name, open } of KINDS)
  describe(`retained messages, ${name}`, () => {
    test('wildcards in the first level do not reach "$" [MQTT-4.7.2-1]', async () => {
      const store = await open()
      await store.storeRetained(packetOf('$SYS/uptime', '1', kept))
      await store.storeRetained(packetOf('a/b', '2', kept))
      const topics = async (filter: string) =>
        (await store.retained(filter)).map(({ topic }) => topic)
      assert.deepEqual(await topics('#'), ['a/b'])
      assert.deepEqual(await topics('+/#'), ['a/b'])
      assert.deepEqual(await topics('$SYS/#'), ['$SYS/uptime'])
    })

    test('filters that overlap give a message once', async () => {
      const store = await open()
      await store.storeRetained(packetOf('a/b', '1', kept))
      const found = await store.createRetainedStreamCombi(['a/#', 'a/b', '+/b', 'c']).toArray()
      assert.equal(found.length, 1)
    })

    test('the payload is a copy', async () => {
      const store = await open()
      const chunk = Buffer.from('xxvaluexx')
      await store.storeRetained(packetOf('a', '', { ...kept, payload: chunk.subarray(2, 7) }))
      chunk.fill(0)
      const [found] = await store.retained('a')
      assert.equal(String(found?.payload), 'value')
      assert.ok(found?.payload instanceof Uint8Array && found.payload.buffer.byteLength === 5)
    })

    test('the last one published is kept, whatever the order of QoS', async () => {
      const store = await open()
      const qos = [1, 0, 2, 1, 0] as const
      await Promise.all(
        qos.map((qos, n) => store.storeRetained(packetOf('a', `${n}`, { qos, retain: true }))),
      )
      await store.storeRetained(packetOf('b', '', kept))
      assert.equal(String((await store.retained('a'))[0]?.payload), '4')
      await Promise.all([
        store.storeRetained(packetOf('a', '5', kept)),
        store.storeRetained(packetOf('a', '', { qos: 0, retain: true })),
        store.storeRetained(packetOf('b', '6', kept)),
        store.storeRetained(packetOf('b', '', kept)),
      ])
      assert.deepEqual(await store.retained('#'), [])
      assert.equal(store.stats().retainedBytes, 0)
    })

    test('QoS 0 is there at once', async () => {
      const store = await open()
      void store.storeRetained(packetOf('a', '1', { qos: 0, retain: true }))
      assert.equal((await store.retained('a')).length, 1)
    })

    test('what one device had retained leaves room for others', async () => {
      const { counts, onBound } = createTally()
      const store = await open({ limits: { retainedBytesPerDevice: 10 }, onBound })
      const by = (device: string) => ({ ...kept, properties: { device, time: 1 } })
      await store.storeRetained(packetOf('a', '12345', by('greedy')))
      await store.storeRetained(packetOf('b', '12345', by('greedy')))
      await store.storeRetained(packetOf('c', '12345', by('modest')))
      // in the place of its own it has room, and of another's too
      await store.storeRetained(packetOf('a', '123456789', by('greedy')))
      await store.storeRetained(packetOf('a', '123', by('modest')))
      await store.storeRetained(packetOf('b', '12345', by('greedy')))
      assert.deepEqual(counts, { retained_bytes: 1 })
      assert.deepEqual(
        (await store.retained('#')).map(({ topic, payload }) => `${topic} ${payload}`),
        ['a 123', 'c 12345', 'b 12345'],
      )
    })

    test('topics and bytes are bounded', async () => {
      const { counts, onBound } = createTally()
      const limits = { retainedMessages: 2, retainedBytes: 20 }
      const store = await open({ limits, onBound })
      for (const topic of ['a', 'b', 'c']) await store.storeRetained(packetOf(topic, '1', kept))
      await store.storeRetained(packetOf('a', '2', kept))
      await store.storeRetained(packetOf('b', 'x'.repeat(20), kept))
      assert.deepEqual(counts, { retained_messages: 1, retained_bytes: 1 })
      // 'b' could not be brought up to date, and nobody is told the old value for the last one
      assert.deepEqual(
        (await store.retained('#')).map(({ payload }) => String(payload)),
        ['2'],
      )
      await store.storeRetained(packetOf('c', '3', kept))
      assert.equal(store.stats().retained, 2)
    })

    test('a long look-up lets others have their turn', async () => {
      const store = await open()
      for (let n = 0; n < 5_000; n++)
        await store.storeRetained(packetOf(`a/${n}`, '1', { qos: 0, retain: true }))
      for (const filter of ['#', '+/+/nothing']) {
        let turns = 0
        let looking = true
        const count = () => {
          turns += 1
          if (looking) setImmediate(count)
        }
        setImmediate(count)
        await store.retained(filter)
        looking = false
        assert.ok(turns > 10, `${turns} turns of the event loop for ${filter}`)
      }
    })
  })

test('retained messages and their stamps are there after a restart', async () => {
  const directory = temporaryDirectory()
  const before = await openFile(directory)
  const properties = { device: 'a.d.wott.local', time: 1_700_000_000_000 }
  await before.storeRetained(packetOf('a', '1', { ...kept, properties }))
  await before.storeRetained(packetOf('b', '2', kept))
  await before.storeRetained(packetOf('c', '3', kept))
  await before.storeRetained(packetOf('c', '', kept))
  await before.storeRetained(packetOf('d', '4', { qos: 0, retain: true }))
  await before.destroy()

  const store = await openFile(directory)
  const common = { cmd: 'publish', retain: true, dup: false } as const
  assert.deepEqual(await store.retained('#'), [
    { ...common, topic: 'a', payload: Buffer.from('1'), qos: 1, properties },
    { ...common, topic: 'b', payload: Buffer.from('2'), qos: 1 },
    { ...common, topic: 'd', payload: Buffer.from('4'), qos: 0 },
  ])
})
