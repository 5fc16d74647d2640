import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type Script, startScriptedBroker } from './scripted-broker.ts'
import { message, startUplink } from './site.ts'

/** The topics of messages in flight at the end of a connection, as reported by the next one. */
async function cutBy(script: Script, connections = 2, at = [message('a'), message('b')]) {
  const cut: string[][] = []
  await using broker = await startScriptedBroker(script)
  await using uplink = startUplink(broker.port, {
    onCut: (underway) => void cut.push(underway.map(({ topic }) => topic)),
  })
  await uplink.connected()
  await Promise.allSettled(at.map((one) => uplink.uplink.publish(one)))
  await uplink.connected(connections)
  await setImmediate()
  return cut
}

describe('a connection that the broker ends', () => {
  const onPublish: Script['onPublish'] = ({ topic }, { socket }) => {
    if (topic === 'b') socket.destroy()
  }

  it('reports messages in flight at the next one, including QoS 0', async () => {
    assert.deepEqual(await cutBy({ onPublish }), [['a', 'b']])
    const none = [message('b', '', { qos: 0 })]
    assert.deepEqual(await cutBy({ onPublish }, 2, none), [['b']])
  })

  it('does not report messages before one that the broker acknowledged', async () => {
    const all = [message('x', '', { qos: 0 }), message('a'), message('b')]
    const script: Script = {
      onPublish(packet, { send, socket }) {
        if (packet.topic === 'b') setTimeout(() => socket.destroy(), 50)
        else if (packet.qos === 1)
          send({ cmd: 'puback', messageId: packet.messageId as number, reasonCode: 0 })
      },
    }
    assert.deepEqual(await cutBy(script, 2, all), [['b']])
  })

  it('reports nothing if the broker cannot be reached afterwards', async () => {
    let connects = 0
    const connack: Script['connack'] = () => {
      connects += 1
      return connects === 2 ? { reasonCode: 0x88 } : {}
    }
    assert.deepEqual(await cutBy({ onPublish, connack }), [])
  })

  it('reports nothing if the broker said that it stops', async () => {
    const script: Script = {
      onPublish: (_, { send, socket }) => {
        send({ cmd: 'disconnect', reasonCode: 0x8b })
        socket.end()
      },
    }
    assert.deepEqual(await cutBy(script), [])
  })
})
