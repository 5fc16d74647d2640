import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { after, describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { openMqtt } from '../support/broker.ts'
import { message, receivedNow } from '../support/message.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

const IDENTITY = { id: 'mute.d.wott.local', serial: '01', fingerprint256: '', notAfter: Infinity }
/** The messages of one byte that fit into a WOTT_CLIENT_BUFFER of 4 MiB: each counts 256 bytes besides topic and payload. */
const MOST_WAITING = Math.floor((4 * 1024 * 1024) / (256 + 'takes-10'.length + 1))
const MAX_PACKET_ID = 65_535

describe('a client that reads and never acknowledges', async () => {
  const { broker, host } = await openMqtt('memory:', 'pattern readwrite #\n')
  after(() => broker.close())

  async function subscriber(receiveMaximum: number) {
    const [client, server] = duplexPair()
    const packets: Packet[] = []
    const parser = mqttPacket.parser({ protocolVersion: 5 })
    parser.on('packet', (packet) => packets.push(packet))
    client.on('data', (chunk: Buffer) => void parser.parse(chunk))
    host.accept(server, IDENTITY, 'mqtt')
    const clientId = `takes-${receiveMaximum}`
    const properties = { receiveMaximum }
    for (const packet of [
      connectPacket({ protocolVersion: 5, clientId, properties }),
      { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: clientId, qos: 1 }] },
    ] as const satisfies Packet[])
      client.write(mqttPacket.generate(packet, { protocolVersion: 5 }))
    while (packets.length < 2) await nextTurn()
    return { topic: clientId, packets: packets.slice.bind(packets, 2) }
  }

  async function publish(topic: string, count: number): Promise<void> {
    const sent = message(topic, 'x', { qos: 1, device: null, ...receivedNow() })
    for (let n = 0; n < count; n++) {
      await broker.publish(sent)
      if (n % 1000 === 0) await nextTurn()
    }
    for (let turn = 0; turn < 10; turn++) await nextTurn()
  }

  it('receives up to its window, and is disconnected when more wait than its buffer holds', async () => {
    const { topic, packets } = await subscriber(10)
    await publish(topic, 10 + MOST_WAITING)
    assert.deepEqual(new Set(packets().map(({ cmd }) => cmd)), new Set(['publish']))
    assert.equal(packets().length, 10)
    await publish(topic, 2)
    assert.partialDeepStrictEqual(packets().slice(10), [{ cmd: 'disconnect', reasonCode: 0x97 }])
  })

  it('receives as many as there are packet identifiers, each once, and stays connected', async () => {
    const { topic, packets } = await subscriber(MAX_PACKET_ID)
    await publish(topic, MAX_PACKET_ID + 1)
    const ids = packets().map(({ messageId }) => messageId)
    assert.equal(ids.length, MAX_PACKET_ID)
    assert.equal(new Set(ids).size, MAX_PACKET_ID)
  })
})
