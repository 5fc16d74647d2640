import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startMosquitto } from '../support/mosquitto.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { message, startUplink } from './site.ts'

const AWAY = { code: 'broker_unavailable', retryAfter: 2 }

describe('the connection check of an uplink', () => {
  it('waits for the connection, and for an answer of the broker', async () => {
    await using mosquitto = await startMosquitto()
    await using at = startUplink(mosquitto.port)
    await assert.rejects(at.uplink.check(1_000), AWAY)
    await at.uplink.connected(5_000)
    await Promise.all([at.uplink.check(5_000), at.uplink.check(5_000)])
    assert.equal(at.uplink.state(), 'connected')
  })

  it('notices a silent broker, and connects again at once', async () => {
    await using mosquitto = await startMosquitto()
    await using wire = await startTcpProxy(mosquitto.port)
    await using at = startUplink(wire.port)
    await at.uplink.connected(5_000)
    wire.forget()
    await assert.rejects(at.uplink.check(100), AWAY)
    assert.notEqual(at.uplink.state(), 'connected')
    await at.uplink.connected(5_000)
    await at.uplink.publish(message('a'))
    assert.equal(wire.connections, 2)
  })

  it('does not accept the answer to an earlier check', async () => {
    await using mosquitto = await startMosquitto()
    await using wire = await startTcpProxy(mosquitto.port)
    await using at = startUplink(wire.port)
    await at.uplink.connected(5_000)
    wire.hold()
    // two answers on their way when the machine is frozen, which arrive when it continues
    const before = at.uplink.check(5_000)
    await wire.held(1)
    const now = at.uplink.check(100)
    wire.forget()
    wire.release()
    await before
    await assert.rejects(now, AWAY)
  })

  it('fails when there is no connection in time', async () => {
    await using wire = await startTcpProxy(1)
    await using at = startUplink(wire.port)
    await assert.rejects(at.uplink.connected(100), AWAY)
    await assert.rejects(at.uplink.check(100), AWAY)
  })

  it('does not wait for the end of a reconnection pause', async () => {
    await using mosquitto = await startMosquitto()
    await using at = startUplink(mosquitto.port)
    await at.connected()
    await mosquitto.kill()
    await at.awayTimes(1)
    // so many failures that the pause is many seconds long
    for (let failures = 0; failures < 8; failures += 1) {
      const count = at.reasons.length
      await assert.rejects(at.uplink.connected(1), AWAY)
      await at.awayTimes(count + 1)
    }
    await mosquitto.start()
    await at.uplink.connected(2_000)
  })

  it('abandons an unanswered attempt for another one', async () => {
    await using mosquitto = await startMosquitto()
    await using wire = await startTcpProxy(mosquitto.port)
    wire.stalled = true
    await using at = startUplink(wire.port)
    await assert.rejects(at.uplink.connected(500), AWAY)
    wire.stalled = false
    await at.uplink.connected(499)
    assert.equal(wire.connections, 2)
  })

  it('can be cancelled before the first attempt to connect', async () => {
    await using mosquitto = await startMosquitto()
    const at = startUplink(mosquitto.port)
    await at.uplink.close()
    assert.equal(at.uplink.state(), 'closed')
  })
})
