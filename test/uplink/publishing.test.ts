import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { type ErrorCode, GatewayError } from '../../src/errors.ts'
import type { UplinkRefusal } from '../../src/metrics/meter.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { type Peer, puback, startScriptedBroker } from './scripted-broker.ts'
import { message, startUplink } from './site.ts'

const MINUTE = 60_000

function refuses(code: ErrorCode, pattern = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof GatewayError)
    assert.equal(error.code, code)
    assert.match(error.message, pattern)
    if (code === 'broker_unavailable') assert.equal(error.retryAfter, 2)
    return true
  }
}

/** Collects each PUBLISH, with a promise for a number of them. */
function collector() {
  const got: { packet: IPublishPacket; peer: Peer }[] = []
  let look = () => {}
  return {
    got,
    onPublish(packet: IPublishPacket, peer: Peer) {
      got.push({ packet, peer })
      look()
    },
    reached: (count: number) =>
      new Promise<void>((resolve) => {
        look = () => {
          if (got.length >= count) resolve()
        }
        look()
      }),
  }
}

describe('a message to the other broker', () => {
  it('is refused by its reason code', async () => {
    const refused: UplinkRefusal[] = []
    const meter = {
      ...silentMeter,
      uplinkRefused: (reason: UplinkRefusal) => void refused.push(reason),
    }
    await using broker = await startScriptedBroker({
      onPublish: (packet, { send }) => send(puback(packet, Number(packet.topic))),
    })
    await using at = startUplink(broker.port, { meter })
    await at.connected()
    const expected: [reasonCode: number, code: ErrorCode, reason: UplinkRefusal][] = [
      [0x80, 'broker_unavailable', 'failed'],
      [0x83, 'broker_unavailable', 'failed'],
      [0x87, 'publish_denied', 'denied'],
      [0x90, 'topic_invalid', 'invalid'],
      [0x91, 'broker_unavailable', 'failed'],
      [0x95, 'payload_too_large', 'too_large'],
      [0x97, 'quota_exceeded', 'quota'],
      [0x99, 'body_invalid', 'invalid'],
    ]
    for (const [reasonCode, code] of expected)
      await assert.rejects(
        at.uplink.publish(message(String(reasonCode))),
        refuses(code, /^The broker behind this gateway refused the message to \d+: /),
      )
    assert.deepEqual(
      refused,
      expected.map(([, , reason]) => reason),
    )
    // nobody subscribed
    await at.uplink.publish(message('16'))
  })

  it('is refused with the limit that the broker has announced', async () => {
    await using mosquitto = await startMosquitto({
      lines: ['max_packet_size 100', 'retain_available false', 'max_qos 1'],
    })
    await using at = startUplink(mosquitto.port)
    await at.connected()
    const { uplink } = at
    const empty = message('a', '')
    // 1 for the header, 1 for the length, 3 for the topic, 2 for the identifier, 1 for the properties
    await uplink.publish(message('a', 'x'.repeat(92)))
    await assert.rejects(
      uplink.publish(message('a', 'x'.repeat(93))),
      refuses('payload_too_large', /has 101 bytes as an MQTT packet; .* accepts at most 100\.$/),
    )
    await assert.rejects(
      uplink.publish({ ...empty, retain: true }),
      refuses('request_invalid', /does not accept retained messages\.$/),
    )
    await assert.rejects(
      uplink.publish({ ...empty, qos: 2 }),
      refuses('request_invalid', /does not accept QoS 2 \(its highest is 1\)\.$/),
    )
  })

  it('is refused without harm to others where it is too large for Mosquitto', async () => {
    await using mosquitto = await startMosquitto({ lines: ['message_size_limit 10'] })
    await using at = startUplink(mosquitto.port)
    await at.connected()
    const others = [1, 2, 3].map(() => at.uplink.publish(message('a')))
    await assert.rejects(
      at.uplink.publish(message('a', 'x'.repeat(11))),
      refuses('payload_too_large', /Packet too large\.$/),
    )
    await Promise.all(others)
    await at.uplink.publish(message('a'))
    assert.deepEqual(at.reasons, [])
  })

  it('is refused while the broker is away, whatever its QoS', async () => {
    await using at = startUplink(1)
    await at.away(/./)
    for (const qos of [0, 1] as const)
      await assert.rejects(
        at.uplink.publish(message('a', 'x', { qos })),
        refuses('broker_unavailable', /nothing is listening on 127\.0\.0\.1:1\.$/),
      )
  })

  it('fails after its deadline, and a later acknowledgement has no effect', async () => {
    await using mosquitto = await startMosquitto()
    await using proxy = await startTcpProxy(mosquitto.port)
    await using at = startUplink(proxy.port, { deadlineMs: 300 })
    await at.connected()
    proxy.delay = 500
    const late = at.uplink.publish(message('a'))
    await assert.rejects(
      late,
      refuses('broker_unavailable', /did not acknowledge it within 0\.3 s/),
    )
    assert.equal(at.uplink.pending().messages, 1)
    proxy.delay = 0
    await at.uplink.publish(message('a'))
    assert.equal(at.uplink.state(), 'connected')
    assert.deepEqual(at.reasons, [])
  })

  it('rejects at once when the connection is lost', async () => {
    const { onPublish, reached, got } = collector()
    await using broker = await startScriptedBroker({ onPublish })
    await using at = startUplink(broker.port, { deadlineMs: MINUTE })
    await at.connected()
    const pending = [at.uplink.publish(message('a')), at.uplink.publish(message('b'))]
    const outcomes = Promise.allSettled(pending)
    await reached(2)
    got[0]?.peer.socket.destroy()
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, 'rejected')
      refuses('broker_unavailable', /closed the connection\.$/)(outcome.reason)
    }
    assert.deepEqual(at.uplink.pending(), { messages: 0, bytes: 0 })
  })

  it('waits in order where the broker has a small Receive Maximum', async () => {
    const { onPublish, reached, got } = collector()
    await using broker = await startScriptedBroker({
      onPublish,
      connack: () => ({ properties: { receiveMaximum: 2 } }),
    })
    await using at = startUplink(broker.port)
    await at.connected()
    const all = ['1', '2', '3', '4'].map((topic) => at.uplink.publish(message(topic)))
    // QoS 0 needs no acknowledgement, but does not overtake others
    all.push(at.uplink.publish(message('5', 'x', { qos: 0 })))
    for (const index of [0, 1, 2, 3]) {
      await reached(Math.min(index + 2, 5))
      // the answer shows that nothing more came before it
      const { packet, peer } = got[index] as (typeof got)[number]
      assert.ok(got.length <= index + 2 || index >= 2)
      peer.send(puback(packet))
    }
    await Promise.all(all)
    assert.deepEqual(
      got.map(({ packet }) => packet.topic),
      ['1', '2', '3', '4', '5'],
    )
  })

  it('is refused if too many wait', async () => {
    const { onPublish, reached, got } = collector()
    await using broker = await startScriptedBroker({ onPublish })
    await using at = startUplink(broker.port, {
      maxPending: { messages: 2, bytes: 10_000 },
    })
    await at.connected()
    const { uplink } = at
    const first = uplink.publish(message('a'))
    await assert.rejects(
      uplink.publish(message('b', 'x'.repeat(10_000))),
      refuses('broker_unavailable', /too many messages wait for its acknowledgement\.$/),
    )
    const second = uplink.publish(message('c'))
    await assert.rejects(uplink.publish(message('d')), refuses('broker_unavailable', /too many/))
    await reached(2)
    for (const { packet, peer } of got) peer.send(puback(packet))
    await Promise.all([first, second])
    assert.deepEqual(uplink.pending(), { messages: 0, bytes: 0 })
  })

  it('causes a reconnection when nothing is acknowledged any more', async () => {
    const { onPublish } = collector()
    await using broker = await startScriptedBroker({ onPublish })
    await using at = startUplink(broker.port, { deadlineMs: 50 })
    await at.connected()
    await assert.rejects(at.uplink.publish(message('a')), refuses('broker_unavailable'))
    assert.match(await at.away(/./), /no longer acknowledges messages$/)
    await at.connected(2)
  })

  it('is waited for when the uplink closes', async () => {
    const { onPublish, reached, got } = collector()
    await using broker = await startScriptedBroker({ onPublish })
    const at = startUplink(broker.port)
    await at.connected()
    const published = at.uplink.publish(message('a'))
    await reached(1)
    const closed = at.uplink.close()
    await assert.rejects(at.uplink.publish(message('b')), refuses('broker_unavailable'))
    const { packet, peer } = got[0] as (typeof got)[number]
    peer.send(puback(packet))
    await Promise.all([published, closed])
    assert.equal(at.uplink.state(), 'closed')
  })
})
