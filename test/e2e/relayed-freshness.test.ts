import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { messagesOf } from '../support/clients.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { clientOf, startRelayed } from '../support/relayed.ts'

describe('in front of another broker', () => {
  it('status messages about silent topics are published there, and known after a restart', async () => {
    await using mosquitto = await startMosquitto()
    await using there = await clientOf(mosquitto.port)
    const messages = messagesOf(there)
    await there.subscribeAsync('status/#', { qos: 1 })
    const next = async () => {
      const { topic, payload } = await messages.next()
      return `${topic} ${payload}`
    }
    const status = 'status/a.d.wott.local'
    {
      await using relayed = await startRelayed(mosquitto.port, { silence: '1' })
      assert.equal((await relayed.post('t/1', '1', 'qos=1&retain=true')).status, 200)
      assert.deepEqual([await next(), await next()], [`${status}/t/1 online`, `${status} online`])
      assert.deepEqual([await next(), await next()], [`${status}/t/1 offline`, `${status} offline`])
    }
    await using relayed = await startRelayed(mosquitto.port, { silence: '1' })
    const silent = 'wott_topic_silent{device="a.d.wott.local",topic="t/1"}'
    // a retained message does not count as a sign of life
    await relayed.at.until(silent, 1)
    await relayed.post('t/1', '2')
    assert.deepEqual([await next(), await next()], [`${status}/t/1 online`, `${status} online`])
  })
})
