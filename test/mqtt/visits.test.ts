import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createVisits } from '../../src/mqtt/visits.ts'
import { mqttOverWebSocket } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { collectLog } from '../support/log.ts'
import { connectClient } from '../support/packet-client.ts'

const ID = 'device.d.wott.local'

describe('the log of an MQTT client', () => {
  it('says when and how it connected, and when and why it left', async () => {
    await using at = await startGateway({ acl: `user ${ID}\ntopic readwrite mine/#\n` })
    const device = await at.pki.issue(ID)
    const reasonOf = async (client: string) => {
      const line = await at.logged((one) => one.client === client && one.reason !== undefined)
      assert.deepEqual([line.device, line.door, line.address], [ID, 'mqtt', '127.0.0.1'])
      assert.equal(typeof line.seconds, 'number')
      return line.reason
    }

    const polite = await connectClient(at, device, 'polite', { version: 4 })
    const came = await at.logged(({ msg }) => msg === 'an MQTT client has connected')
    assert.partialDeepStrictEqual(came, {
      level: 'info',
      device: ID,
      client: 'polite',
      door: 'mqtt',
      address: '127.0.0.1',
      protocol: '3.1.1',
    })
    await polite.disconnect()
    assert.equal(await reasonOf('polite'), 'sent DISCONNECT')

    const willing = await connectClient(at, device, 'willing')
    await willing.disconnect(0x04)
    assert.equal(await reasonOf('willing'), 'sent DISCONNECT with reason code 0x04')

    const lost = await connectClient(at, device, 'lost')
    await lost.drop()
    assert.match(String(await reasonOf('lost')), /^closed its connection|^lost its connection/)

    using _first = await connectClient(at, device, 'twice')
    using _second = await connectClient(at, device, 'twice')
    assert.match(String(await reasonOf('twice')), /^lost its session to another connection/)

    using silent = await connectClient(at, device, 'silent', { keepalive: 1 })
    await silent.closed
    assert.equal(await reasonOf('silent'), 'sent nothing for 1.5 seconds; its keep alive is 1')

    const web = await mqttOverWebSocket(at, device, { clientId: 'web' })
    const onWeb = await at.logged(({ client }) => client === 'web')
    assert.deepEqual([onWeb.door, onWeb.address], ['device', '127.0.0.1'])
    await web.endAsync()

    using _revoked = await connectClient(at, device, 'revoked')
    await at.pki.revoke(device.serial)
    await at.gateway.reload()
    assert.equal(await reasonOf('revoked'), 'has a certificate that has expired or is revoked')
  })

  it('says that the gateway stopped', async () => {
    await using at: TestGateway = await startGateway({ acl: 'pattern readwrite #\n' })
    using _client = await connectClient(at, await at.pki.issue(ID), 'last')
    await at.gateway.drain()
    const line = await at.logged(({ client, reason }) => client === 'last' && reason !== undefined)
    assert.equal(line.reason, 'was disconnected because the gateway is stopping')
  })

  it('has at most ten lines of a kind per device and minute, and counts the rest', () => {
    const { log, lines } = collectLog()
    const clock = { time: 0 }
    const visits = createVisits(log, () => clock.time)
    const visit = { device: ID, client: 'c', door: 'mqtt', address: undefined, since: 0 } as const
    for (let count = 0; count < 1000; count++) {
      visits.came(visit, '5')
      visits.left(visit, 'sent DISCONNECT')
    }
    visits.came({ ...visit, device: 'other' }, '5')
    assert.equal(lines.length, 21)
    clock.time += 60_000
    visits.left(visit, 'sent DISCONNECT')
    assert.equal(lines.at(-1)?.repeated, 990)
  })
})
