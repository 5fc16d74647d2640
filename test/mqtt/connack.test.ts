import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect } from 'mqtt'
import type { IConnackPacket, IConnectPacket } from 'mqtt-packet'
import { startGateway } from '../support/gateway.ts'
import { connectClient } from '../support/packet-client.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const SESSION = { properties: { sessionExpiryInterval: 3600 } }

describe('CONNACK of MQTT 5 [MQTT 5 §3.2]', async () => {
  const settings = { maxKeepAlive: '60', receiveMaximum: '33', topicAliasMaximum: '7' }
  const { at, device } = await suiteGateway({ acl: ACL, settings })

  async function propertiesFor(
    terms: Partial<IConnectPacket>,
  ): Promise<NonNullable<IConnackPacket['properties']>> {
    using client = await rawMqtt(at, device)
    client.send(connectPacket({ protocolVersion: 5, keepalive: 30, ...terms }))
    const connack = await client.next()
    assert.ok(connack.cmd === 'connack')
    assert.equal(connack.reasonCode, 0)
    return connack.properties ?? {}
  }

  it('states the limits of the gateway, and leaves out defaults', async () => {
    const { maximumPacketSize = 0, ...others } = await propertiesFor({})
    assert.ok(maximumPacketSize > 128 * 1024, `${maximumPacketSize}`)
    const available = {
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
      retainAvailable: true,
    }
    // each of these is left out where it is true
    assert.deepEqual(
      { ...available, ...others },
      { ...available, receiveMaximum: 33, topicAliasMaximum: 7 },
    )
  })

  it('has no response information, also where it is requested [MQTT 5 §3.2.2.3.15]', async () => {
    const asked = await propertiesFor({ properties: { requestResponseInformation: true } })
    assert.deepEqual(asked, await propertiesFor({}))
  })

  describe('the client id [MQTT 5 §3.1.3.1]', () => {
    /** mqtt-packet does not write such a CONNECT. */
    async function assignedWithoutCleanStart(): Promise<string | undefined> {
      using client = await rawMqtt(at, device, 5)
      client.send(Buffer.from('100d00044d5154540500001e000000', 'hex'))
      const connack = await client.next()
      assert.ok(connack.cmd === 'connack')
      return connack.properties?.assignedClientIdentifier
    }

    it('is assigned where it is empty, a different one each time [MQTT-3.2.2-16]', async () => {
      const ids = [
        (await propertiesFor({ clientId: '' })).assignedClientIdentifier,
        (await propertiesFor({ clientId: '' })).assignedClientIdentifier,
        await assignedWithoutCleanStart(),
      ]
      assert.deepEqual(
        ids.map((id) => typeof id),
        ['string', 'string', 'string'],
      )
      assert.equal(new Set(ids).size, 3)
    })

    it('can be used again to resume the session, once assigned', async () => {
      const first = await connectClient(at, device, '', SESSION)
      const { assignedClientIdentifier: clientId = '' } = first.connack.properties ?? {}
      await first.disconnect()
      using second = await connectClient(at, device, clientId, { ...SESSION, clean: false })
      assert.equal(second.connack.sessionPresent, true)
      assert.equal(second.connack.properties?.assignedClientIdentifier, undefined)
    })

    it('can be any text', async () => {
      for (const clientId of [
        'a'.repeat(1000),
        'with space/and #+$',
        'ü\u{1f321}',
        'constructor',
        '__proto__',
      ]) {
        const first = await connectClient(at, device, clientId, SESSION)
        assert.equal(first.connack.sessionPresent, false)
        await first.disconnect()
        using second = await connectClient(at, device, clientId, { ...SESSION, clean: false })
        assert.equal(second.connack.sessionPresent, true)
        await second.disconnect(0, 0)
      }
    })
  })

  it('shortens a keep alive that is above the setting [MQTT-3.1.2-21]', async () => {
    for (const [keepalive, told] of [
      [1, undefined],
      [60, undefined],
      [61, 60],
      [65_535, 60],
      [0, 60],
    ] as const)
      assert.equal((await propertiesFor({ keepalive })).serverKeepAlive, told, `${keepalive}`)
  })

  it('accepts any keep alive without that setting', async () => {
    await using free = await startGateway({ acl: ACL, settings: { maxKeepAlive: '0' } })
    const who = await free.pki.issue('device.d.wott.local')
    for (const keepalive of [0, 65_535]) {
      using client = await connectClient(free, who, 'client', { keepalive })
      assert.equal(client.connack.properties?.serverKeepAlive, undefined)
    }
  })

  it('has session present 0 for a clean start, 1 for a resumed session [MQTT-3.2.2-2] [MQTT-3.2.2-3]', async () => {
    for (const [clean, present] of [
      [true, false],
      [false, true],
      [true, false],
    ] as const) {
      const client = await connectClient(at, device, 'present', { ...SESSION, clean })
      assert.equal(client.connack.sessionPresent, present)
      await client.disconnect()
    }
  })

  describe('refuses', () => {
    async function refusal(bytes: Buffer | IConnectPacket): Promise<IConnackPacket> {
      using client = await rawMqtt(at, device, 5)
      client.send(bytes)
      const connack = await client.next()
      await client.closed
      assert.ok(connack.cmd === 'connack')
      assert.equal(connack.sessionPresent, false)
      return connack
    }
    const refused = async (bytes: Buffer | IConnectPacket) => (await refusal(bytes)).reasonCode

    it('with a reason string, whatever Request Problem Information says [MQTT-3.1.2-29]', async () => {
      for (const requestProblemInformation of [true, false]) {
        const properties = { requestProblemInformation, authenticationMethod: 'SCRAM-SHA-1' }
        const connack = await refusal(connectPacket({ protocolVersion: 5, properties }))
        assert.equal(
          connack.properties?.reasonString,
          'The client asked for an authentication method; the client certificate is the authentication.',
        )
      }
    })

    it('without a reason string where the packet would be too large [MQTT-3.2.2-19]', async () => {
      const properties = { maximumPacketSize: 50, authenticationMethod: 'SCRAM-SHA-1' }
      const connack = await refusal(connectPacket({ protocolVersion: 5, properties }))
      assert.deepEqual([connack.reasonCode, connack.properties], [0x8c, undefined])
    })

    it('an authentication method with 0x8C [MQTT-4.12.0-1]', async () => {
      const properties = {
        authenticationMethod: 'SCRAM-SHA-1',
        authenticationData: Buffer.from('x'),
      }
      assert.equal(await refused(connectPacket({ protocolVersion: 5, properties })), 0x8c)
    })

    it('a session expiry that comes twice with 0x82', async () => {
      const expiry = '1100000001'
      const bytes = Buffer.from(`101800044d515454050200000a${expiry}${expiry}000178`, 'hex')
      assert.equal(await refused(bytes), 0x82)
    })

    it('a will with QoS 3 with 0x81 [MQTT-3.1.2-12]', async () => {
      const bytes = Buffer.from(
        '101400044d515454051e0000' + '00' + '000178' + '00' + '000174' + '0000',
        'hex',
      )
      assert.equal(await refused(bytes), 0x81)
    })

    it('a will whose topic has a wildcard with 0x90', async () => {
      const will = { topic: 'a/#', payload: 'x', qos: 0, retain: false } as const
      assert.equal(await refused(connectPacket({ protocolVersion: 5, will })), 0x90)
    })

    it('MQTT 6 with return code 1, as MQTT 3.1.1 does', async () => {
      using client = await rawMqtt(at, device)
      client.send(Buffer.from('100e00044d5154540602000000000178', 'hex'))
      assert.equal((await client.nextBytes()).toString('hex'), '20020001')
      await client.closed
    })
  })

  it('is understood by mqtt.js, over TLS and over WebSocket', async () => {
    const terms = { protocolVersion: 5, clientId: '', keepalive: 600, ...SESSION } as const
    const keys = { ca: device.ca, cert: device.certificate, key: device.key }
    for (const [url, more] of [
      [`mqtts://localhost:${at.ports.mqtt}`, keys],
      [`wss://localhost:${at.ports.device}/mqtt`, { wsOptions: keys }],
    ] as const) {
      const client = connect(url, { ...more, ...terms })
      const { properties } = await new Promise<IConnackPacket>((resolve) =>
        client.once('connect', resolve),
      )
      assert.match(properties?.assignedClientIdentifier ?? '', /./)
      assert.deepEqual([properties?.serverKeepAlive, properties?.receiveMaximum], [60, 33])
      await client.endAsync()
    }
  })
})
