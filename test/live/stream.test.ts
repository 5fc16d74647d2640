import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, describe, it, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Delivery } from '../../src/broker/delivery.ts'
import { GatewayError } from '../../src/errors.ts'
import {
  accessTo,
  closeStreams,
  delivery,
  ids,
  latestNumber,
  newHub,
  prepareStream,
} from '../support/live-stream.ts'

const RETRY = 'retry: 2000\n\n'
const OVER = new GatewayError('session_required', 'The session is over.')

afterEach(closeStreams)

function withTimers(context: TestContext) {
  context.mock.timers.enable({ apis: ['Date', 'setTimeout'] })
  return context.mock.timers
}

/** Access of a reader to topics that the test may change. */
function changingAccess(readable: string[]) {
  return Object.assign(accessTo('#'), {
    mayReceive: (topic: string) => readable.includes(topic),
    couldReceive: () => readable.length > 0,
  })
}

/** A stream that is replaying, as it waits for retained messages. */
function replaying(options: Parameters<typeof prepareStream>[0] = {}) {
  const { promise: retained, resolve } = Promise.withResolvers<Delivery[]>()
  const prepared = prepareStream({ ...options, retained })
  return { ...prepared, opened: prepared.stream(), resolve }
}

describe('a stream that joins', () => {
  it('ends for good if its reader cannot take the gaps', async () => {
    const hub = newHub()
    const first = delivery('1')
    hub.deliver(first)
    const { stream, shut, counted } = prepareStream({
      hub,
      bufferBytes: 10,
      lastEventId: ids.of(first.sequence),
      log: { oldest: () => 0, gapsAfter: () => ['restart', 'overload', 'damaged'] },
    })
    shut()
    await stream()
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
    assert.equal(hub.size, 0)
  })

  it('ends at once if the gateway is stopping', async () => {
    const hub = newHub()
    hub.endAll()
    const { stream, raw, counted, sink } = prepareStream({ hub })
    await stream()
    assert.equal(raw(), RETRY)
    assert.ok(sink.writableEnded)
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.equal(hub.size, 0)
  })

  it('ends without a reconnection if the session of its reader is over', async () => {
    const { stream, hub, raw, counted } = prepareStream({ ended: AbortSignal.abort(OVER) })
    await stream()
    assert.match(raw(), /^event: end\ndata: \{"code":"session_required"/)
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.equal(hub.size, 0)
  })

  it('replays once it has sent its start', async () => {
    const { opened, resolve, raw, hub } = replaying({ lastEventId: 'f-1' })
    assert.match(raw(), /^retry: 2000\n\nevent: gap\nid: e-\d+-r\ndata: .*"unknown_id"/)
    assert.equal(hub.size, 1)
    assert.deepEqual(hub.subscribed, [])
    resolve([])
    await opened
    assert.deepEqual(hub.subscribed, [['#']])
  })
})

describe('a stream that replays', () => {
  it('is live once earlier messages are written, those that waited last', async () => {
    const hub = newHub()
    const missed = Array.from({ length: 50 }, (_, n) => delivery(`missed ${n}`))
    const lastEventId = ids.of(latestNumber() - 50)
    for (const each of missed) hub.deliver(each)
    const { stream, payloads, shut, letGo } = prepareStream({ hub, lastEventId })
    shut()
    const opened = stream()
    await setImmediate()
    hub.deliver(delivery('waits'))
    assert.doesNotMatch(payloads().join(), /waits|missed 49/)
    letGo()
    await opened
    assert.deepEqual(payloads().slice(-2), ['missed 49', 'waits'])
    hub.deliver(delivery('live'))
    assert.equal(payloads().at(-1), 'live')
  })

  it('checks messages that waited again, as the rules may have changed', async () => {
    const readable = ['a', 'secret']
    const { opened, hub, payloads, resolve } = replaying({ access: changingAccess(readable) })
    hub.deliver(delivery('1'))
    hub.deliver(delivery('2', { topic: 'secret' }))
    readable.pop()
    resolve([])
    await opened
    assert.deepEqual(payloads(), ['1'])
  })

  it('keeps no own copy of waiting messages while retained ones are read', async () => {
    const { opened, resolve, hub, counted, payloads } = replaying({ bufferBytes: 1000 })
    for (let count = 0; count < 200; count++) hub.deliver(delivery('x'.repeat(10)))
    resolve([])
    await opened
    assert.equal(payloads().length, 200)
    assert.deepEqual(counted, ['opened'])
  })

  it('is disconnected when too many messages wait behind the replay, however small', async () => {
    const hub = newHub()
    const lastEventId = ids.of(latestNumber())
    for (let count = 0; count < 50; count++) hub.deliver(delivery('missed'))
    const { stream, counted, shut } = prepareStream({ hub, lastEventId, bufferBytes: 1000 })
    shut()
    void stream()
    await setImmediate()
    for (let count = 0; count < 200; count++) hub.deliver(delivery(''))
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
  })

  it('ends without a reconnection if the broker refuses its subscription', async () => {
    const hub = newHub()
    hub.whileSubscribing = () => {
      throw new GatewayError('subscription_refused', 'The broker refuses it.')
    }
    const { stream, raw, counted, sink } = prepareStream({ hub })
    await stream()
    assert.match(raw(), /event: end\ndata: \{"code":"subscription_refused"/)
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.ok(sink.writableEnded)
  })

  it('ends when its reader leaves, even before anything was read', async () => {
    const { opened, resolve, hub, counted, sink, payloads } = replaying()
    sink.destroy()
    await once(sink, 'close')
    assert.equal(hub.size, 0)
    resolve([delivery('1')])
    await opened
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.deepEqual(payloads(), [])
    assert.deepEqual(hub.subscribed, [])
  })

  it('ends when its reader leaves during the subscription, and leaves no subscription', async () => {
    const hub = newHub()
    const { stream, sink } = prepareStream({ hub })
    hub.whileSubscribing = () => sink.emit('close')
    await stream()
    assert.deepEqual(hub.subscribed, [])
  })

  it('ends with the session of its reader, and with its right to read', async () => {
    const session = new AbortController()
    const dismissed = replaying({ ended: session.signal })
    session.abort(OVER)
    const readable = ['a']
    const denied = replaying({ access: changingAccess(readable) })
    readable.pop()
    await denied.hub.recheck()
    for (const { raw, counted, opened, resolve, hub } of [dismissed, denied]) {
      resolve([delivery('1')])
      await opened
      assert.match(
        raw(),
        /event: end\ndata: \{"code":"(session_required|read_denied)".*\n\nretry: 2000\n\n$/,
      )
      assert.deepEqual(counted, ['opened', 'closed'])
      assert.deepEqual(hub.subscribed, [])
    }
  })
})

describe('a stream that is live', () => {
  it('sends a comment every 20 seconds, so that proxies keep it', async (context) => {
    const timers = withTimers(context)
    const { stream, raw } = prepareStream()
    await stream()
    const before = raw().length
    timers.tick(19_999)
    assert.equal(raw().length, before)
    timers.tick(1)
    assert.equal(raw().slice(before), ':\n\n')
    timers.tick(20_000)
    assert.equal(raw().slice(before), ':\n\n:\n\n')
  })

  it('sends a message once, however many of its filters cover it', async () => {
    const { stream, hub, payloads } = prepareStream({ filters: ['a/+', '#', 'a/b', 'a/b'] })
    await stream()
    for (const topic of ['a/b', 'b', '$a/b']) hub.deliver(delivery(topic, { topic }))
    assert.deepEqual(payloads(), ['a/b', 'b'])
  })

  it('ends when its reader leaves, and leaves no subscription', async () => {
    const { stream, hub, sink, counted } = prepareStream()
    await stream()
    assert.equal(hub.subscribed.length, 1)
    sink.destroy()
    await once(sink, 'close')
    assert.deepEqual(hub.subscribed, [])
    assert.deepEqual(counted, ['opened', 'closed'])
  })

  it('is disconnected when too much waits', async () => {
    const { stream, hub, counted, shut, sink } = prepareStream({ bufferBytes: 200 })
    await stream()
    shut()
    for (let count = 0; count < 3; count++) hub.deliver(delivery('x'.repeat(80)))
    assert.deepEqual(counted, ['opened'])
    hub.deliver(delivery('x'.repeat(80)))
    assert.deepEqual(counted, ['opened', 'slow_reader', 'device reader', 'closed'])
    assert.equal(sink.destroyed, true)
    assert.equal(hub.size, 0)
  })

  it('is disconnected when its full sink accepts nothing for long enough', async (context) => {
    const timers = withTimers(context)
    const { stream, hub, counted, shut, letGo } = prepareStream({ stallMs: 1000 })
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

  it('ends without a reconnection with the session of its reader, and with its right to read', async () => {
    const session = new AbortController()
    const dismissed = prepareStream({ ended: session.signal })
    await dismissed.stream()
    session.abort(OVER)
    const readable = ['a']
    const denied = prepareStream({ access: changingAccess(readable) })
    await denied.stream()
    readable.pop()
    await denied.hub.recheck()
    for (const { raw, counted, sink } of [dismissed, denied]) {
      assert.match(
        raw(),
        /event: end\ndata: \{"code":"(session_required|read_denied)".*\n\nretry: 2000\n\n$/,
      )
      assert.ok(sink.writableEnded)
      assert.deepEqual(counted, ['opened', 'closed'])
    }
  })
})

describe('a stream that fails', () => {
  it('ends alone: all other readers of the same topics get the message', async () => {
    const hub = newHub()
    const failing = {
      ...accessTo('#'),
      mayReceive() {
        throw new Error('broken rules')
      },
    }
    const accesses = [accessTo('#'), failing, failing, accessTo('#')]
    const streams = accesses.map((access) => prepareStream({ hub, access }))
    for (const { stream } of streams) await stream()
    hub.deliver(delivery('1'))
    const broken = new Error('broken rules')
    assert.deepEqual(hub.failures, [broken, broken])
    hub.deliver(delivery('2'))
    assert.deepEqual(
      streams.map(({ payloads }) => payloads()),
      [['1', '2'], [], [], ['1', '2']],
    )
    assert.deepEqual(
      streams.map(({ sink }) => sink.writableEnded),
      [false, true, true, false],
    )
    assert.equal(hub.size, 2)
  })
})

describe('a stream that has ended', () => {
  it('writes nothing any more', async (context) => {
    const timers = withTimers(context)
    const session = new AbortController()
    const { stream, hub, raw, counted, sink } = prepareStream({ ended: session.signal })
    await stream()
    hub.endAll()
    assert.equal(raw(), RETRY + RETRY)
    assert.equal(sink.writableEnded, true)
    hub.deliver(delivery('late'))
    hub.missed(7)
    await hub.recheck()
    session.abort(OVER)
    timers.tick(60_000)
    assert.equal(raw(), RETRY + RETRY)
    assert.deepEqual(counted, ['opened', 'closed'])
    assert.equal(hub.size, 0)
  })
})
