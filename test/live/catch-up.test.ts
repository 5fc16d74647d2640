import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { BrokerLog, LogPage } from '../../src/broker/broker.ts'
import type { Delivery } from '../../src/broker/delivery.ts'
import {
  accessTo,
  closeStreams,
  delivery,
  ids,
  newHub,
  prepareStream,
} from '../support/live-stream.ts'

afterEach(closeStreams)

describe('what a stream sends before live events', () => {
  it('sends messages that arrive while retained ones are read after those, in order', async () => {
    const old = delivery('old', { topic: 'b' })
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = prepareStream({ retained: reading.promise })
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

  it('sends messages that arrive during its subscription once', async () => {
    const { stream, hub, payloads } = prepareStream()
    const coming = [delivery('before'), delivery('after')]
    hub.whileSubscribing = () => {
      const next = coming.shift()
      if (next) hub.deliver(next)
    }
    await stream()
    hub.deliver(delivery('live'))
    assert.deepEqual(payloads(), ['before', 'after', 'live'])
  })

  it('sends topics that start with "$" where it asks for them, and resumes from them', async () => {
    const filters = ['$a/#']
    const access = accessTo('$a/#')
    const hub = newHub()
    const { stream, payloads } = prepareStream({ filters, access, hub })
    await stream()
    const first = delivery('1', { topic: '$a/b' })
    for (const each of [first, delivery('2', { topic: '$a/b' })]) hub.deliver(each)
    assert.deepEqual(payloads(), ['1', '2'])
    const again = prepareStream({ filters, access, hub, lastEventId: ids.of(first.sequence) })
    await again.stream()
    assert.deepEqual(again.payloads(), ['2'])
  })

  it('does not repeat a message that was stored, delivered or both before it was read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = prepareStream({ retained: reading.promise })
    const both = delivery('both')
    const opened = stream()
    hub.deliver(both)
    reading.resolve([both])
    await opened
    assert.deepEqual(payloads(), ['both'])
  })

  it('keeps the order of two messages on one topic while retained ones are read', async () => {
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, payloads } = prepareStream({ retained: reading.promise })
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
    const { stream, payloads } = prepareStream({ hub, retained: Promise.resolve([late]) })
    await stream()
    assert.deepEqual(payloads(), [])
    hub.deliver(late)
    assert.deepEqual(payloads(), ['late'])
    // another message with the same content
    hub.deliver(delivery('late'))
    assert.deepEqual(payloads(), ['late', 'late'])
  })

  it('reads from the log until it reaches the messages in memory, which move on', async () => {
    const hub = newHub(3)
    const all = ['1', '2', '3', '4', '5', '6'].map((payload) => delivery(payload))
    const [first] = all as [Delivery]
    for (const each of all) hub.deliver(each)
    const asked: number[] = []
    const log: Partial<BrokerLog> = {
      oldest: () => 0,
      async read({ after, upTo }): Promise<LogPage> {
        asked.push(after)
        // two arrive while the first page is read
        if (asked.length === 1)
          for (const payload of ['7', '8']) {
            all.push(delivery(payload))
            hub.deliver(all.at(-1) as Delivery)
          }
        const [next] = all.filter((each) => each.sequence > after && each.sequence <= upTo)
        return { deliveries: next ? [next] : [], scanned: 1, reached: next?.sequence ?? upTo }
      },
    }
    const lastEventId = ids.of(first.sequence)
    const { stream, payloads, raw } = prepareStream({ hub, log, lastEventId })
    await stream()
    hub.deliver(delivery('9'))
    assert.deepEqual(payloads(), ['2', '3', '4', '5', '6', '7', '8', '9'])
    assert.equal(asked.length, 4)
    assert.doesNotMatch(raw(), /event: gap/)
  })

  it('reports gaps, and begins again only with an unknown id', async () => {
    const kept = delivery('kept')
    const hub = newHub()
    const [first, second] = [delivery('1'), delivery('2')]
    for (const each of [first, second]) hub.deliver(each)
    const log: Partial<BrokerLog> = { oldest: () => 0, gapsAfter: () => ['restart'] }
    const openAt = async (lastEventId: string, log: Partial<BrokerLog> = {}) => {
      const { stream, payloads, raw } = prepareStream({
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

  it('reports when and for how long the broker was away, live and to a stream that resumes', async () => {
    const hub = newHub()
    const first = delivery('1')
    hub.deliver(first)
    const there = prepareStream({ hub })
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
    const back = prepareStream({ hub, log, lastEventId: ids.of(first.sequence) })
    await back.stream()
    assert.match(back.raw(), /event: gap\nid: .*\ndata: .*"broker_away","seconds":7/)
    assert.deepEqual(back.payloads().at(-1), '2')
  })

  it('does not replay messages that have expired', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: 1000 })
    const { stream, hub, payloads } = prepareStream({ lastEventId: 'earliest' })
    hub.deliver(delivery('short', { retain: false, expires: 2000 }))
    hub.deliver(delivery('long', { retain: false, expires: 2001 }))
    hub.deliver(delivery('for ever', { retain: false }))
    context.mock.timers.tick(1000)
    await stream()
    assert.deepEqual(payloads(), ['long', 'for ever'])
  })

  it('gives retained messages the id before the waiting ones, so that a resumed stream misses none', async () => {
    const old = delivery('old', { topic: 'b' })
    const reading = Promise.withResolvers<Delivery[]>()
    const { stream, hub, raw } = prepareStream({ retained: reading.promise })
    const before = ids.of(hub.latest())
    const opened = stream()
    hub.deliver(delivery('live'))
    reading.resolve([old])
    await opened
    assert.ok(
      raw().endsWith(`id: ${before}\ndata: old\n\nid: ${ids.of(hub.latest())}\ndata: live\n\n`),
    )
  })

  it('waits for a slow reader of retained messages, beyond its bound', async () => {
    const all = Array.from({ length: 50 }, (_, index) =>
      delivery(`${index}`, { topic: `t/${index}` }),
    )
    const { stream, payloads, counted, shut, letGo } = prepareStream({
      retained: Promise.resolve(all),
      bufferBytes: 10,
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
})
