import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAccess } from '../../src/acl/access.ts'
import type { Broker } from '../../src/broker/broker.ts'
import { GatewayError } from '../../src/errors.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { createRelay, type Reading } from '../../src/relay/relay.ts'
import type { Message } from '../../src/topic/message.ts'
import { aclOf } from '../support/acl.ts'

const READING: Reading = {
  topic: 'a',
  payload: Buffer.from('1'),
  qos: 1,
  retain: true,
  properties: { contentType: 'text/plain' },
  messageExpiry: 60,
}

function open(publish: Broker['publish'] = async () => {}) {
  const counted: string[] = []
  const costs: number[] = []
  const published: Message[] = []
  let wait = 0
  const relay = createRelay({
    denials: { note() {} },
    broker: {
      log: { now: () => 1_000_000 },
      async publish(message: Message) {
        published.push(message)
        return publish(message)
      },
    } as Broker,
    meter: {
      ...silentMeter,
      published: (door, qos, result) => counted.push(`${door} ${qos} ${result}`),
    },
    rateLimit: {
      take(_key, cost = 1) {
        costs.push(cost)
        return wait
      },
    },
    maxPayloadBytes: 3,
    timeBounds: { pastMs: 60_000, futureMs: 1_000 },
  })
  const identity = { id: 'device', serial: '', fingerprint256: '', notAfter: 0 }
  const access = createAccess(aclOf('user device\ntopic write a\n'), {
    user: 'device',
    clientId: 'device',
  })
  return {
    counted,
    costs,
    published,
    limit(seconds: number) {
      wait = seconds
    },
    refuse: (reason: GatewayError) => relay.refuse({ identity, access, door: 'device' }, reason),
    send: (reading: Partial<Reading> = {}) =>
      relay.publish({ identity, access, door: 'device' }, { ...READING, ...reading }),
  }
}

describe('a reading', () => {
  it('is published in the name of its device, with its arrival time', async () => {
    const { send, published, counted } = open()
    const earliest = Date.now()
    assert.equal(await send(), null)
    const [{ time = 0, received = 0, expires = null, ...rest } = {}] = published
    const { messageExpiry: _, ...message } = READING
    assert.deepEqual(rest, { ...message, device: 'device' })
    // of the broker's clock
    assert.equal(expires, 1_000_000 + 60_000)
    assert.ok(time >= earliest && time <= Date.now())
    assert.equal(received, time)
    assert.deepEqual(counted, ['device 1 accepted'])
  })

  it('has the time that its device sends, within bounds', async () => {
    const { send, published } = open()
    const now = Date.now()
    assert.equal(await send({ time: now - 50_000 }), null)
    assert.equal(published[0]?.time, now - 50_000)
    assert.ok((published[0]?.received ?? 0) >= now)
    for (const [time, bound] of [
      [now - 61_000, 'WOTT_READING_PAST'],
      [now + 60_000, 'WOTT_READING_FUTURE'],
    ] as const) {
      const refused = await send({ time })
      assert.equal(refused?.code, 'time_invalid')
      assert.ok(refused?.message.includes(bound))
    }
    assert.equal(published.length, 1)
  })

  it('has the time of its user property if that is valid, and otherwise its arrival time', async () => {
    const { send, published } = open()
    const now = Date.now()
    const said = (time: number | string) => ({ userProperties: [['time', String(time)] as const] })
    for (const time of [now - 5_000, now - 61_000, 'noon']) await send({ properties: said(time) })
    const [own, old, none] = published
    assert.equal(own?.time, now - 5_000)
    assert.equal(old?.time, old?.received)
    assert.equal(none?.time, none?.received)
    assert.deepEqual(own?.properties, said(now - 5_000))
  })

  it('costs one plus one per KiB of topic and properties after the first, published or not', async () => {
    const { send, costs } = open()
    const properties = (bytes: number) => ({ correlationData: Buffer.alloc(bytes) })
    await send()
    await send({ topic: 'b' })
    await send({ topic: 'a'.repeat(1024), properties: null })
    await send({ topic: 'a'.repeat(1025), properties: null })
    await send({ topic: 'ä'.repeat(30_720), properties: null })
    await send({ properties: properties(2000) })
    await send({ topic: 'a/+' })
    assert.deepEqual(costs, [1, 1, 1, 2, 60, 2, 1])
  })

  it('costs one more per 4 KiB of payload after the first', async () => {
    const { send, costs } = open()
    for (const bytes of [4096, 4097, 8192, 100_000]) await send({ payload: Buffer.alloc(bytes) })
    assert.deepEqual(costs, [1, 2, 2, 25])
  })

  it('costs one if it cannot be parsed', () => {
    const { refuse, limit, counted, costs } = open()
    const reason = new GatewayError(
      'body_invalid',
      'Not valid JSON (with curl, use --data-binary).',
    )
    assert.equal(refuse(reason), reason)
    limit(1)
    assert.equal(refuse(reason).code, 'rate_limited')
    assert.deepEqual(costs, [1, 1])
    assert.deepEqual(counted, ['device 0 invalid', 'device 0 rate_limited'])
  })

  it('is counted once and not published where it is refused', async () => {
    for (const [reading, code, result] of [
      [{ topic: 'a/+' }, 'topic_invalid', 'invalid'],
      [{ topic: '$SYS/x' }, 'topic_invalid', 'invalid'],
      [{ payload: Buffer.from('1234') }, 'payload_too_large', 'too_large'],
      [
        { payload: Buffer.from([0xff]), properties: { payloadFormatIndicator: 1 } },
        'body_invalid',
        'invalid',
      ],
      [
        { properties: { userProperties: Array(101).fill(['a', 'b']) } },
        'payload_too_large',
        'too_large',
      ],
      [{ topic: 'b' }, 'publish_denied', 'denied'],
    ] as const) {
      const { send, published, counted } = open()
      assert.equal((await send(reading))?.code, code)
      assert.deepEqual(counted, [`device 1 ${result}`])
      assert.deepEqual(published, [])
    }
    const { send, limit, counted, published } = open()
    limit(1.2)
    const refused = await send()
    assert.deepEqual([refused?.code, refused?.retryAfter], ['rate_limited', 2])
    assert.deepEqual([counted, published], [['device 1 rate_limited'], []])
  })

  it('fails with the broker, and is counted as failed', async () => {
    const gone = new GatewayError('broker_unavailable', 'gone', { retryAfter: 1 })
    const { send, counted } = open(() => Promise.reject(gone))
    assert.equal(await send(), gone)
    assert.deepEqual(counted, ['device 1 failed'])
    const fault = new Error('a fault of ours')
    const faulty = open(() => Promise.reject(fault))
    await assert.rejects(async () => faulty.send(), fault)
    assert.deepEqual(faulty.counted, ['device 1 failed'])
  })
})
