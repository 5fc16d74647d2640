import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { afterEach, describe, it, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Access, createAccess } from '../../src/acl/access.ts'
import type { Broker, BrokerLog, Delivery, LogPage } from '../../src/broker/broker.ts'
import { createRouting } from '../../src/broker/routing.ts'
import { GatewayError } from '../../src/errors.ts'
import { createEventIds } from '../../src/live/event-ids.ts'
import { createHistory } from '../../src/live/history.ts'
import { createHub, type Hub } from '../../src/live/hub.ts'
import { openStream } from '../../src/live/stream.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { aclOf } from '../support/acl.ts'
import { UNLIMITED } from '../support/memory.ts'

const sinks: Writable[] = []

let sequence = 0
function delivery(payload: string, more: Partial<Delivery> = {}): Delivery {
  sequence += 1
  return {
    topic: 'a',
    payload: Buffer.from(payload),
    qos: 0,
    retain: true,
    device: 'd',
    time: Date.now(),
    received: Date.now(),
    properties: null,
    expires: null,
    sequence,
    ...more,
  }
}

interface Options {
  filters?: readonly string[]
  retained?: Promise<Delivery[]>
  log?: Partial<BrokerLog>
  lastEventId?: string
  buffer?: number
  stall?: number
  hub?: FedHub
  access?: Access
}

const ids = createEventIds('e')

interface FedHub extends Hub {
  /** What the broker does with a message. */
  deliver(delivery: Delivery): void
  /** Called while the broker takes a subscription. */
  whileSubscribing(): void
  /** The filters that somebody subscribed to. */
  readonly subscribed: readonly (readonly string[])[]
}

/** A hub after all messages so far, which keeps that many in memory. */
function newHub(messages = 10_000): FedHub {
  const routing = createRouting()
  const history = createHistory(sequence, { messages, bytes: 1_000_000 }, ids.of)
  const subscribed: (readonly string[])[] = []
  const hub: FedHub = Object.assign(
    createHub(history, ids, async (filters, onMessage) => {
      hub.whileSubscribing()
      routing.listen(filters, onMessage)
      subscribed.push(filters)
      hub.whileSubscribing()
      return async () => {
        routing.unlisten(filters, onMessage)
        subscribed.splice(subscribed.indexOf(filters), 1)
      }
    }),
    {
      deliver(delivery: Delivery) {
        for (const listener of routing.of(delivery.topic).listeners) listener(delivery)
      },
      whileSubscribing() {},
      subscribed,
    },
  )
  routing.listenToAll(hub.note)
  return hub
}

/** A stream of all there is, into a sink that takes what it is let take. */
function open(options: Options = {}) {
  const {
    retained = Promise.resolve([]),
    buffer = 1_000_000,
    stall = 1000,
    hub = newHub(),
    access = createAccess(aclOf('topic read #\n'), { user: null, clientId: '' }),
    log = {},
    lastEventId,
    filters = ['#'],
  } = options
  // without more, all that is left is in memory
  const brokerLog = { oldest: hub.earliest, gapsAfter: () => [], now: Date.now, ...log }
  const counted: string[] = []
  const taken: string[] = []
  let proceed: (() => void) | null = null
  let shut = false
  const sink = new Writable({
    highWaterMark: 100,
    write(chunk, _encoding, done) {
      taken.push(String(chunk))
      if (shut) proceed = done
      else done()
    },
  })
  sinks.push(sink)
  const stream = () =>
    openStream(
      sink,
      {
        filters,
        format: 'raw',
        door: 'device',
        id: 'reader',
        access,
        lastEventId,
        hold: UNLIMITED.memory.open('reader', 'stream'),
      },
      {
        hub,
        buffer,
        stall,
        onSlow: (door, id) => counted.push(`${door} ${id}`),
        broker: { retained: () => retained, log: brokerLog } as unknown as Broker,
        meter: {
          ...silentMeter,
          streamOpened: () => counted.push('opened'),
          streamClosed: () => counted.push('closed'),
          deliveryDropped: (_door, reason) => counted.push(reason),
        },
      },
    )
  return {
    hub,
    sink,
    counted,
    stream,
    /** The payloads so far. */
    payloads: () =>
      taken.flatMap((frame) => (frame.startsWith('id') ? [frame.split('data: ')[1]?.trim()] : [])),
    raw: () => taken.join(''),
    shut() {
      shut = true
    },
    letGo() {
      shut = false
      proceed?.()
    },
  }
}

function withTimers(context: TestContext) {
  context.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  return context.mock.timers
}

describe('a stream', () => {
  // one that is open keeps the process from ending
  afterEach(async () => {
    for (const sink of sinks.splice(0)) sink.destroy()
    // "close" comes a turn later
    await setImmediate()
  })

  it('sends a comment every 20 seconds, so that proxies keep it', async (context) => {
    const timers = withTimers(context)
    const { stream, raw } = open()
    await stream()
    const before = raw().length
    timers.tick(19_999)
    assert.equal(raw().length, before)
    timers.tick(1)
    assert.equal(raw().slice(before), ':\n\n')
    timers.tick(20_000)
    assert.equal(raw().slice(before), ':\n\n:\n\n')
  })

  it('sends what comes while the retained messages are read after them, in order', async () => {
    const old = delivery('old', { topic: 'b' })
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = open({ retained: reading.promise })
    const opened = stream()
    hub.deliver(delivery('1'))
    hub.deliver(delivery('2'))
    assert.deepEqual(payloads(), [])
    reading.resolve([old])
    await opened
    assert.deepEqual(payloads(), ['old', '1', '2'])
    hub.deliver(delivery('3'))
    assert.deepEqual(payloads().at(-1), '3')
  })

  it('has a message once, however many of its filters cover it', async () => {
    const { stream, hub, payloads } = open({ filters: ['a/+', '#', 'a/b', 'a/b'] })
    await stream()
    for (const topic of ['a/b', 'b', '$a/b']) hub.deliver(delivery(topic, { topic }))
    assert.deepEqual(payloads(), ['a/b', 'b'])
  })

  it('has what comes while the broker takes its subscription, once', async () => {
    const { stream, hub, payloads } = open()
    const coming = [delivery('before'), delivery('after')]
    hub.whileSubscribing = () => {
      const next = coming.shift()
      if (next) hub.deliver(next)
    }
    await stream()
    hub.deliver(delivery('live'))
    assert.deepEqual(payloads(), ['before', 'after', 'live'])
  })

  it('has names that start with "$" where it asks for them, and resumes from them', async () => {
    const filters = ['$a/#']
    const access = createAccess(aclOf('topic read $a/#\n'), { user: null, clientId: '' })
    const hub = newHub()
    const { stream, payloads } = open({ filters, access, hub })
    await stream()
    const first = delivery('1', { topic: '$a/b' })
    for (const each of [first, delivery('2', { topic: '$a/b' })]) hub.deliver(each)
    assert.deepEqual(payloads(), ['1', '2'])
    const again = open({ filters, access, hub, lastEventId: ids.of(first.sequence) })
    await again.stream()
    assert.deepEqual(again.payloads(), ['2'])
  })

  it('asks about what came meanwhile again, for the rules may have changed', async () => {
    let readable = ['a', 'secret']
    const mayReceive = (topic: string) => readable.includes(topic)
    const access = { ...createAccess(aclOf(''), { user: null, clientId: '' }), mayReceive }
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = open({ retained: reading.promise, access })
    const opened = stream()
    hub.deliver(delivery('1'))
    hub.deliver(delivery('2', { topic: 'secret' }))
    readable = ['a']
    reading.resolve([])
    await opened
    assert.deepEqual(payloads(), ['1'])
  })

  it('does not repeat a message that was stored, delivered or both before it was read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = open({ retained: reading.promise })
    const both = delivery('both')
    const opened = stream()
    hub.deliver(both)
    reading.resolve([both])
    await opened
    assert.deepEqual(payloads(), ['both'])
  })

  it('keeps the order of two messages on one topic while what is retained is read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = open({ retained: reading.promise })
    const [first, second] = [delivery('1'), delivery('2')]
    const opened = stream()
    hub.deliver(first)
    hub.deliver(second)
    reading.resolve([second])
    await opened
    assert.deepEqual(payloads(), ['1', '2'])
  })

  it('does not repeat a message that was stored before it was read, and delivered after', async () => {
    const hub = newHub()
    const late = delivery('late')
    const { stream, payloads } = open({ hub, retained: Promise.resolve([late]) })
    await stream()
    assert.deepEqual(payloads(), [])
    hub.deliver(late)
    assert.deepEqual(payloads(), ['late'])
    // one that says the same is another one
    hub.deliver({ ...late, sequence: ++sequence })
    assert.deepEqual(payloads(), ['late', 'late'])
  })

  it('reads from the log what is no longer in memory, until it reaches memory, which moves on', async () => {
    const hub = newHub(3)
    const all = ['1', '2', '3', '4', '5', '6'].map((payload) => delivery(payload))
    const [first] = all as [Delivery]
    for (const each of all) hub.deliver(each)
    const asked: number[] = []
    const log: Partial<BrokerLog> = {
      oldest: () => 0,
      async read({ after, upTo }): Promise<LogPage> {
        asked.push(after)
        // two while the first page is read
        if (asked.length === 1)
          for (const payload of ['7', '8']) {
            all.push(delivery(payload))
            hub.deliver(all.at(-1) as Delivery)
          }
        const [next] = all.filter((each) => each.sequence > after && each.sequence <= upTo)
        return { deliveries: next ? [next] : [], looked: 1, reached: next?.sequence ?? upTo }
      },
    }
    const lastEventId = ids.of(first.sequence)
    const { stream, payloads, raw } = open({ hub, log, lastEventId })
    await stream()
    hub.deliver(delivery('9'))
    assert.deepEqual(payloads(), ['2', '3', '4', '5', '6', '7', '8', '9'])
    assert.equal(asked.length, 4)
    assert.doesNotMatch(raw(), /event: gap/)
  })

  it('says what may be missing, and begins again only where it does not know the id', async () => {
    const kept = delivery('kept')
    const hub = newHub()
    const [first, second] = [delivery('1'), delivery('2')]
    for (const each of [first, second]) hub.deliver(each)
    const log: Partial<BrokerLog> = { oldest: () => 0, gapsAfter: () => ['restart'] }
    const openAt = async (lastEventId: string, log: Partial<BrokerLog> = {}) => {
      const { stream, payloads, raw } = open({
        hub,
        lastEventId,
        log,
        retained: Promise.resolve([kept]),
      })
      await stream()
      const [gap] = /(?<=event: gap\n)(?:id: .*\n)?data: (.*)/.exec(raw()) ?? []
      return [payloads(), /"reason":"(\w+)"/.exec(gap ?? '')?.[1]]
    }
    assert.deepEqual(await openAt(ids.of(first.sequence)), [['2'], undefined])
    assert.deepEqual(await openAt('f-1'), [['kept', '1', '2'], 'unknown_id'])
    assert.deepEqual(await openAt(ids.of(kept.sequence - 1)), [['kept', '1', '2'], 'expired'])
    assert.deepEqual(await openAt(ids.of(second.sequence + 1)), [['kept', '1', '2'], 'unknown_id'])
    assert.deepEqual(await openAt(ids.of(first.sequence), log), [['2'], 'restart'])
  })

  it('says when and for how long the broker was away, to who is there and to who resumes', async () => {
    const hub = newHub()
    const first = delivery('1')
    hub.deliver(first)
    const there = open({ hub })
    await there.stream()
    hub.missed(7)
    hub.deliver(delivery('2'))
    assert.deepEqual(there.payloads(), ['2'])
    assert.match(there.raw(), /event: gap\ndata: .*"broker_away","seconds":7.*\n\nid: /)
    const log: Partial<BrokerLog> = {
      oldest: () => 0,
      awayAfter: () => 7,
      gapsAfter: () => ['broker_away'],
    }
    const back = open({ hub, log, lastEventId: ids.of(first.sequence) })
    await back.stream()
    assert.match(back.raw(), /event: gap\nid: .*\ndata: .*"broker_away","seconds":7/)
    assert.deepEqual(back.payloads().at(-1), '2')
  })

  it('ends for good where the broker refuses its subscription', async () => {
    const hub = newHub()
    hub.whileSubscribing = () => {
      throw new GatewayError('subscription_refused', 'The broker refuses it.')
    }
    const { stream, raw, counted, sink } = open({ hub })
    await stream()
    assert.match(raw(), /event: end\ndata: \{"code":"subscription_refused"/)
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.ok(sink.writableEnded)
  })

  it('does not replay what has expired meanwhile', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: 1000 })
    const { stream, hub, payloads } = open({ lastEventId: 'earliest' })
    hub.deliver(delivery('short', { retain: false, expires: 2000 }))
    hub.deliver(delivery('long', { retain: false, expires: 2001 }))
    hub.deliver(delivery('for ever', { retain: false }))
    context.mock.timers.tick(1000)
    await stream()
    assert.deepEqual(payloads(), ['long', 'for ever'])
  })

  it('gives retained messages the id from before what waits, so that nobody who resumes misses it', async () => {
    const old = delivery('old', { topic: 'b' })
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, raw } = open({ retained: reading.promise })
    const before = ids.of(hub.latest())
    const opened = stream()
    hub.deliver(delivery('live'))
    reading.resolve([old])
    await opened
    assert.ok(
      raw().endsWith(`id: ${before}\ndata: old\n\nid: ${ids.of(hub.latest())}\ndata: live\n\n`),
    )
  })

  it('waits for a reader that is slow to take what is retained, whatever its bound', async () => {
    const all = Array.from({ length: 50 }, (_, index) =>
      delivery(`${index}`, { topic: `t/${index}` }),
    )
    const { stream, payloads, counted, shut, letGo } = open({
      retained: Promise.resolve(all),
      buffer: 10,
    })
    shut()
    const opened = stream()
    await setImmediate()
    assert.ok(payloads().length < 50)
    letGo()
    await opened
    assert.equal(payloads().length, 50)
    assert.deepEqual(counted, ['opened'])
  })

  it('is cut off when more waits than may', async () => {
    const { stream, hub, counted, shut, sink } = open({ buffer: 200 })
    await stream()
    shut()
    for (let count = 0; count < 3; count++) hub.deliver(delivery('x'.repeat(80)))
    assert.deepEqual(counted, ['opened'])
    hub.deliver(delivery('x'.repeat(80)))
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
    assert.equal(sink.destroyed, true)
    assert.equal(hub.size, 0)
  })

  it('has nothing wait in memory of its own while the retained messages are read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, counted, payloads } = open({ retained: reading.promise, buffer: 1000 })
    const opened = stream()
    for (let count = 0; count < 200; count++) hub.deliver(delivery('x'.repeat(10)))
    reading.resolve([])
    await opened
    assert.equal(payloads().length, 200)
    assert.deepEqual(counted, ['opened'])
  })

  it('is cut off when more waits for what it missed than may, however small each is', async () => {
    const hub = newHub()
    const lastEventId = ids.of(sequence)
    for (let count = 0; count < 50; count++) hub.deliver(delivery('missed'))
    const { stream, counted, shut } = open({ hub, lastEventId, buffer: 1000 })
    shut()
    void stream()
    await setImmediate()
    for (let count = 0; count < 200; count++) hub.deliver(delivery(''))
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
  })

  it('is cut off when its full sink takes nothing for long enough', async (context) => {
    const timers = withTimers(context)
    const { stream, hub, counted, shut, letGo } = open({ stall: 1000 })
    await stream()
    shut()
    hub.deliver(delivery('x'.repeat(200)))
    timers.tick(999)
    assert.deepEqual(counted, ['opened'])
    letGo()
    await setImmediate()
    timers.tick(1000)
    assert.deepEqual(counted, ['opened'])
    shut()
    hub.deliver(delivery('x'.repeat(200)))
    timers.tick(1000)
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
  })

  it('is forgotten when its reader goes, even before anything was read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, counted, sink } = open({ retained: reading.promise })
    const opened = stream()
    sink.destroy()
    await once(sink, 'close')
    assert.equal(hub.size, 0)
    reading.resolve([delivery('1')])
    await opened
    assert.deepEqual(counted, ['opened', 'closed'])
  })

  it('leaves no subscription behind, whenever its reader goes', async () => {
    const { stream, hub, sink } = open()
    await stream()
    assert.equal(hub.subscribed.length, 1)
    sink.destroy()
    await once(sink, 'close')
    assert.deepEqual(hub.subscribed, [])
    const late = open({ hub })
    hub.whileSubscribing = () => late.sink.emit('close')
    await late.stream()
    assert.deepEqual(hub.subscribed, [])
  })

  it('ends when the gateway stops, and one that opens later does at once', async () => {
    const { stream, hub, raw, counted, sink } = open()
    await stream()
    hub.endAll()
    assert.equal(sink.writableEnded, true)
    assert.equal(raw(), 'retry: 2000\n\nretry: 2000\n\n')
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.equal(hub.size, 0)
    const late = open({ hub })
    await late.stream()
    assert.equal(late.sink.writableEnded, true)
    assert.match(late.raw(), /^retry: 2000\n\n/)
    assert.equal(hub.size, 0)
  })
})
