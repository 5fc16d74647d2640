import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { http1 } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { puback, startScriptedBroker } from '../uplink/scripted-broker.ts'
import { readerOf, readFrom, startBridged, storeFolder } from './site.ts'

describe('a bridge', () => {
  it('continues after a message that the other broker refuses, and counts it', async () => {
    await using mosquitto = await startMosquitto({
      acl: 'user reader\ntopic read #\nuser bridge\ntopic write ok/#\n',
      users: { bridge: 'secret', reader: 'secret' },
    })
    await using there = await readerOf(mosquitto.port, '#', {
      username: 'reader',
      password: 'secret',
    })
    const bridgePasswordFile = join(storeFolder(), 'password')
    await writeFile(bridgePasswordFile, 'secret\n')
    await using at = await startBridged({
      port: mosquitto.port,
      settings: { bridgeUsername: 'bridge', bridgePasswordFile },
    })
    const here = await at.client()
    await here.publishAsync('ok/1', 'a', { qos: 1 })
    await here.publishAsync('secret/1', 'b', { qos: 1 })
    await here.publishAsync('ok/2', 'c', { qos: 1 })
    await there.saw('ok/2 c')
    await at.caughtUp()
    assert.deepEqual(there.seen, ['ok/1 a', 'ok/2 c'])
    assert.equal(await at.metric('wott_bridge_lost_total{reason="refused"}'), 1)
    const line = await at.logged(({ topic }) => topic === 'secret/1')
    assert.match(`${line.reason}`, /refused/)
    await here.endAsync()
  })

  it('continues after a message that makes the other broker close each connection', async () => {
    const taken: string[] = []
    await using broker = await startScriptedBroker({
      onPublish(packet, { send, socket }) {
        if (packet.topic === 'bad') return void socket.destroy()
        taken.push(packet.topic)
        send(puback(packet))
      },
    })
    await using at = await startBridged({ port: broker.port })
    await at.connected()
    for (const topic of ['good/1', 'bad', 'good/2', 'good/3'])
      await http1(at, at.device, { path: `/topics/${topic}?qos=1`, method: 'POST', body: 'x' })
    await at.caughtUp()
    assert.deepEqual(new Set(taken), new Set(['good/1', 'good/2', 'good/3']))
    assert.deepEqual(taken.slice(-2), ['good/2', 'good/3'])
    assert.equal(await at.metric('wott_bridge_lost_total{reason="refused"}'), 1)
    const line = await at.logged(({ topic }) => topic === 'bad')
    assert.match(`${line.reason}`, /closes each connection/)
  })

  it('leaves out messages that expired while they waited', async () => {
    const port = await freePort()
    await using at = await startBridged({ port })
    const here = await at.client()
    await here.publishAsync('t', 'short', {
      qos: 1,
      properties: { messageExpiryInterval: 1 },
    })
    await here.publishAsync('t', 'long', { qos: 1 })
    await here.endAsync()
    await setTimeout(1_100)
    await using _ = await startMosquitto({ port })
    await using there = await readerOf(port)
    await there.saw('t long')
    assert.equal(await at.metric('wott_bridge_lost_total{reason="expired"}'), 1)
  })

  it('leaves out messages that are too large here, and does not receive them again', async () => {
    await using mosquitto = await startMosquitto()
    await using at = await startBridged({
      port: mosquitto.port,
      topics: '# in 1',
      settings: { maxPayload: '1KiB', bridgeSession: 'clean' },
    })
    await at.connected()
    await using local = await readFrom(await at.client())
    const there = await connectAsync(`mqtt://127.0.0.1:${mosquitto.port}`)
    await there.publishAsync('t', 'x'.repeat(2_000), { qos: 1 })
    await there.publishAsync('t', 'small', { qos: 1 })
    await local.saw('t small')
    assert.equal(local.seen.length, 1)
    assert.equal(await at.metric('wott_bridge_received_total{result="refused"}'), 1)
    await there.endAsync()
  })

  it('has a name that no device can have, as messages of that name are not forwarded', async () => {
    await using at = await startBridged({
      port: await freePort(),
      settings: { idPattern: '^.*$' },
    })
    const impostor = await at.pki.issue('$bridge')
    const { json } = await http1(at, impostor, { path: '/whoami' })
    assert.equal(json.code, 'identity_unusable')
  })
})
