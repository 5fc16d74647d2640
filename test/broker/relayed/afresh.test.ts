import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openMqtt } from '../../support/broker.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { clientOf } from '../../support/relayed.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'

const RETAINED = { retain: true, qos: 1 } as const

describe('a broker in front of Mosquitto that follows no topics there', () => {
  it('reads retained messages afresh each time, also after its connections broke', async () => {
    await using mosquitto = await startMosquitto()
    await using wire = await startTcpProxy(mosquitto.port)
    await using there = await clientOf(mosquitto.port)
    const { broker } = await openMqtt(`mqtt://127.0.0.1:${wire.port}`, '')
    const { uplink } = broker
    assert.ok(uplink)
    const read = async (filter: string) =>
      (await uplink.retained(filter)).map(({ topic, payload }) => `${topic} ${payload}`)
    await uplink.connected(5_000)
    assert.deepEqual(await read('a'), [])
    await there.publishAsync('a', '1', RETAINED)
    assert.deepEqual(await read('a'), ['a 1'])
    await there.publishAsync('a', '2', RETAINED)
    assert.deepEqual(await read('#'), ['a 2'])
    assert.deepEqual(await read('$SYS/#'), [])
    await uplink.check(5_000)
    wire.forget()
    await assert.rejects(uplink.check(100), { code: 'broker_unavailable' })
    await uplink.connected(5_000)
    await there.publishAsync('a', '', RETAINED)
    assert.deepEqual(await read('a'), [])
    assert.equal(wire.connections, 4)
    await broker.close()
  })
})
