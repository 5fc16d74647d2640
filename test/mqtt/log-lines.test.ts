import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connectClient } from '../support/packet-client.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'user device.d.wott.local\ntopic readwrite mine/#\n'

describe('the log', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  it('names a filter that no rule can match, and no other', async () => {
    using client = await connectClient(at, device, 'hopeful')
    assert.deepEqual(await client.subscribe([{ topic: '#' }, { topic: 'mine/a' }]), [2, 2])
    assert.deepEqual(await client.subscribe([{ topic: '$share/g/theirs/#' }]), [2])
    const line = await at.logged(({ action }) => action === 'receive')
    assert.deepEqual(
      [line.msg, line.device, line.topic],
      ['denied by the access control file', 'device.d.wott.local', '$share/g/theirs/#'],
    )
  })

  it('names device and client id when a second connection takes a session over', async () => {
    using first = await connectClient(at, device, 'twice')
    using _second = await connectClient(at, device, 'twice')
    const { reasonCode, properties } = await first.expect('disconnect')
    assert.deepEqual(
      [reasonCode, properties?.reasonString],
      [0x8e, 'Another connection has the same client id.'],
    )
    const line = await at.logged(({ reason }) => /lost its session to another/.test(String(reason)))
    assert.deepEqual([line.device, line.client], ['device.d.wott.local', 'twice'])
  })

  it('names a message that is too large and the limit, as the reason string does', async () => {
    using client = await connectClient(at, device, 'large')
    client.send({
      cmd: 'publish',
      topic: 'mine/a',
      payload: 'x'.repeat(128 * 1024 + 1),
      qos: 1,
      messageId: 1,
      dup: false,
      retain: false,
    })
    const sentence = 'The payload has 131073 bytes; at most 131072 are allowed.'
    const { reasonCode, properties } = await client.expect('puback')
    assert.deepEqual([reasonCode, properties?.reasonString], [0x97, sentence])
    const line = await at.logged(({ msg }) => msg === 'refused an MQTT message')
    assert.deepEqual(
      [line.device, line.client, line.reason],
      ['device.d.wott.local', 'large', sentence],
    )
  })

  it('names the client whose connection the gateway ends', async () => {
    using client = await connectClient(at, device, 'talks-twice')
    client.send(Buffer.from([0x10, 0]))
    await client.closed
    const line = await at.logged(({ msg }) => msg === 'disconnecting an MQTT client')
    assert.deepEqual([line.device, line.client], ['device.d.wott.local', 'talks-twice'])
  })
})
