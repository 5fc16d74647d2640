import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CUT_REASONS, type CutReason } from '../../src/metrics/meter.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

describe('a connection that ends because of what its client sent', async () => {
  const settings = { receiveMaximum: '1', maxPayload: '1KiB' }
  const { at, device } = await suiteGateway({ acl: 'pattern readwrite #\n', settings })

  async function counts(): Promise<Record<string, number | undefined>> {
    const counted: Record<string, number | undefined> = {}
    // one at a time, as the ops door accepts 32 connections
    for (const reason of CUT_REASONS)
      counted[reason] = await at.metric(
        `wott_connections_cut_total{door="mqtt",reason="${reason}"}`,
      )
    return counted
  }

  async function countsOne(reason: CutReason, cut: () => Promise<unknown>): Promise<void> {
    const before = await counts()
    await cut()
    assert.deepEqual(await counts(), { ...before, [reason]: (before[reason] ?? 0) + 1 })
  }

  for (const [what, reason, version, bytes] of [
    ['more than Receive Maximum', 'receive_maximum', 5, '34060001610001003406000161000200'],
    ['topic alias 0', 'topic_alias', 5, '3007000161032300' + '00'],
    ['a topic alias beyond Topic Alias Maximum', 'topic_alias', 5, '30070001610323ffff'],
    ['an alias that was never set', 'protocol_error', 5, '3006000003230001'],
    ['a malformed packet', 'protocol_error', 5, '0000'],
    ['a topic with a control character', 'protocol_error', 5, '30040001' + '0100'],
    ['a payload that is not the UTF-8 it is said to be', 'protocol_error', 5, '3007000161020101ff'],
    ['a filter that is not one, before MQTT 5', 'protocol_error', 4, '8207000100026123' + '00'],
    ['a packet that is too large', 'packet_size', 4, '30ffffff7f'],
  ] as const)
    it(`is counted once: ${what}`, () =>
      countsOne(reason, async () => {
        using raw = await rawConnected(at, device, { protocolVersion: version })
        raw.send(Buffer.from(bytes, 'hex'))
        await raw.closed
      }))

  it('is counted once: a CONNECT that is refused', () =>
    countsOne('protocol_error', async () => {
      using raw = await rawMqtt(at, device)
      raw.send(connectPacket({ clientId: 'a\u0001' }))
      await raw.closed
    }))

  it('is counted once: nothing comes for one and a half times the keep alive', () =>
    countsOne('keep_alive', async () => {
      using raw = await rawConnected(at, device, { keepalive: 1 })
      await raw.closed
    }))

  it('is not counted when the client leaves', async () => {
    const before = await counts()
    const raw = await rawConnected(at, device)
    raw.send({ cmd: 'disconnect' })
    await raw.closed
    assert.deepEqual(await counts(), before)
  })
})
