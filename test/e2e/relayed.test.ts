import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectAsync, type IPublishPacket } from 'mqtt'
import { type Answer, http1 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { freePort, startMosquitto } from '../support/mosquitto.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = 'pattern readwrite #\n'

function post(
  at: TestGateway,
  who: Credentials,
  topic: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const path = `/topics/${topic}?qos=1`
  return http1(at, who, { path, method: 'POST', body: '1', headers })
}

async function ready(at: TestGateway): Promise<Response> {
  return fetch(`http://127.0.0.1:${at.ports.ops}/readyz`)
}

/** Resolves once the gateway has logged this, after so many others of it. */
function said(at: TestGateway, msg: string, before = 0): Promise<unknown> {
  let count = 0
  const counted = new Set<unknown>()
  return at.logged((line) => {
    if (line.msg === msg && !counted.has(line)) {
      counted.add(line)
      count += 1
    }
    return count > before
  })
}

describe('a gateway in front of Mosquitto', () => {
  it('publishes there, and says whose message it is', async () => {
    await using mosquitto = await startMosquitto()
    const there = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`, { protocolVersion: 5 })
    const came = new Promise<IPublishPacket>((resolve) =>
      there.once('message', (_topic, _payload, packet) => resolve(packet)),
    )
    await there.subscribeAsync('#', { qos: 1 })
    const settings = { broker: `mqtt://127.0.0.1:${mosquitto.port}` }
    await using at = await startGateway({ acl: ACL, settings })
    await said(at, 'connected to the broker')
    const device = await at.pki.issue('a.d.wott.local')
    // another device's name is what an attacker would say
    const { status } = await post(at, device, 'x/y', {
      'x-amz-mqtt5-user-properties': Buffer.from(
        JSON.stringify([{ 'wott-id': 'other' }, { unit: 'C' }]),
      ).toString('base64'),
    })
    assert.equal(status, 200)
    const { topic, properties } = await came
    assert.equal(topic, 'x/y')
    assert.deepEqual({ ...properties?.userProperties }, { unit: 'C', 'wott-id': 'a.d.wott.local' })
    await there.endAsync()
  })

  it('starts while it is away, refuses meanwhile, and recovers by itself', async () => {
    const port = await freePort()
    const settings = { broker: `mqtt://127.0.0.1:${port}` }
    await using at = await startGateway({ acl: ACL, settings })
    await said(at, 'the broker is away')
    const device = await at.pki.issue('a.d.wott.local')
    const { status, headers, json } = await post(at, device, 'x')
    assert.deepEqual([status, json.code, headers['retry-after']], [503, 'broker_unavailable', '2'])
    assert.match(json.detail, /nothing listens on 127\.0\.0\.1/)
    const answer = await ready(at)
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /nothing listens on 127\.0\.0\.1/)
    assert.equal(await at.metric('wott_uplink_connected'), 0)
    assert.equal(await at.metric('wott_uplink_refusals_total{reason="away"}'), 1)
    await using _ = await startMosquitto({ port })
    await said(at, 'connected to the broker')
    assert.equal((await post(at, device, 'x')).status, 200)
    assert.equal((await ready(at)).status, 200)
    assert.equal(await at.metric('wott_uplink_connected'), 1)
    assert.equal(await at.metric('wott_uplink_publish_duration_seconds_count'), 1)
  })
})
