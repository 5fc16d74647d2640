import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { type ConnectTerms, connectClient, publishPacket } from '../support/packet-client.ts'
import { connectPacket } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'

describe('DISCONNECT from the gateway says why [MQTT 5 §3.14.2.1]', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  for (const [what, bytes, reason] of [
    ['a PUBLISH with QoS 3 [MQTT-3.3.1-4]', '36050001610001', 0x81],
    ['a DUP with QoS 0 [MQTT-3.3.1-2]', '380500016100' + '78', 0x81],
    ['a reserved packet type', '0000', 0x81],
    ['wrong flags of SUBSCRIBE [MQTT-3.8.1-1]', '8007000100000161' + '00', 0x81],
    ['a remaining length of five bytes', '30ffffffff01', 0x81],
    ['a PUBLISH cut by its own length', '3002000161', 0x81],
    ['a topic with invalid UTF-8 [MQTT-1.5.4-1]', '30050002c32800', 0x81],
    ['a topic with U+0000 [MQTT-1.5.4-2]', '30040001' + '0000', 0x81],
    ['a property that PUBLISH does not have', '3009000161' + '05' + '1100000000', 0x81],
    ['a SUBSCRIBE without a filter [MQTT-3.8.3-2]', '8203000100', 0x82],
    ['packet identifier 0 [MQTT-2.2.1-3]', '3206000161' + '0000' + '00', 0x82],
    ['a content type given twice', '300c000161' + '08' + '03000178' + '03000178', 0x82],
    ['a PINGRESP, which only servers send', 'd000', 0x82],
    ['a wildcard in a topic [MQTT-3.3.2-2]', '3004000123' + '00', 0x90],
  ] as const)
    it(`0x${reason.toString(16)}: ${what}`, async () => {
      using client = await connectClient(at, device, 'wrong')
      client.send(Buffer.from(bytes, 'hex'))
      assert.equal((await client.expect('disconnect')).reasonCode, reason)
      await client.closed
    })

  it('0x82: a second CONNECT [MQTT-3.1.0-2]', async () => {
    using client = await connectClient(at, device, 'twice')
    client.send(connectPacket({ protocolVersion: 5, clientId: 'twice' }))
    assert.equal((await client.expect('disconnect')).reasonCode, 0x82)
    await client.closed
  })

  it('0x82: AUTH without an authentication method [MQTT-4.12.0-6]', async () => {
    using client = await connectClient(at, device, 'auth')
    client.send(Buffer.from('f00218' + '00', 'hex'))
    assert.equal((await client.expect('disconnect')).reasonCode, 0x82)
    await client.closed
  })

  it('0x8d: the client sent nothing for one and a half times the keep alive [MQTT-3.1.2-22]', async () => {
    using client = await connectClient(at, device, 'silent', { keepalive: 1 })
    const start = performance.now()
    assert.equal((await client.expect('disconnect')).reasonCode, 0x8d)
    const silence = performance.now() - start
    assert.ok(silence > 1450, `${silence} ms`)
    await client.closed
  })

  it('not 0x8d where any packet comes in time, or the keep alive is 0', async () => {
    using silent = await connectClient(at, device, 'silent', { keepalive: 1 })
    using busy = await connectClient(at, device, 'busy', { keepalive: 1 })
    using patient = await connectClient(at, device, 'patient', { keepalive: 0 })
    let over = false
    const end = silent.expect('disconnect').then(() => {
      over = true
    })
    while (!over) {
      await busy.publish('x', 'x', { qos: 1 })
      await Promise.race([end, new Promise((resolve) => setTimeout(resolve, 100))])
    }
    await Promise.all([busy.ping(), patient.ping()])
  })

  for (const [what, terms] of [
    ['a session', { properties: { sessionExpiryInterval: 3600 } }],
    ['no session', {}],
  ] as const satisfies readonly (readonly [string, ConnectTerms])[])
    it(`0x8e: another connection has the client id, with ${what} [MQTT-3.1.4-3]`, async () => {
      const first = await connectClient(at, device, 'taken', terms)
      using second = await connectClient(at, device, 'taken', { ...terms, clean: false })
      assert.equal((await first.expect('disconnect')).reasonCode, 0x8e)
      await first.closed
      assert.equal(second.connack.sessionPresent, 'properties' in terms)
      await second.ping()
    })

  it('not 0x8e for the same client id of another device', async () => {
    const other = await at.pki.issue('other.d.wott.local')
    using first = await connectClient(at, device, 'same')
    using second = await connectClient(at, other, 'same')
    await Promise.all([first.ping(), second.ping()])
  })

  it('0x8b: the gateway is stopping', async () => {
    await using stops = await startGateway({ acl: ACL })
    const who = await stops.pki.issue('device.d.wott.local')
    using client = await connectClient(stops, who, 'client')
    using old = await connectClient(stops, who, 'old', { version: 4 })
    const drained = stops.gateway.drain()
    assert.equal((await client.expect('disconnect')).reasonCode, 0x8b)
    await client.closed
    // MQTT 3.1.1 has no DISCONNECT from the server
    await assert.rejects(old.next(), /closed/)
    await drained
  })

  it('nothing after DISCONNECT from the client [MQTT-3.14.4-2]', async () => {
    using client = await connectClient(at, device, 'leaves')
    client.send(
      { cmd: 'disconnect', reasonCode: 0 },
      publishPacket('after', 'x', { qos: 1, messageId: 1 }),
    )
    await assert.rejects(client.next(), /closed/)
  })
})
