import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { openMqtt } from '../support/broker.ts'
import { connectPacket } from '../support/raw-mqtt.ts'

const { broker, host } = await openMqtt('memory:', 'pattern readwrite #\n')

const identity = {
  id: 'deaf.d.wott.local',
  serial: '01',
  fingerprint256: 'AA',
  notAfter: Number.POSITIVE_INFINITY,
}

/** A client that has its CONNACK and reads nothing more until the test lets it. */
async function deafClient() {
  let taking = true
  let take = () => {}
  let bytes = 0
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      bytes += chunk.length
      if (taking) done()
      else take = done
    },
  })
  host.accept(stream, identity, 'mqtt')
  stream.push(mqttPacket.generate(connectPacket({ clientId: 'deaf' })))
  while (bytes === 0) await setImmediate()
  taking = false
  return {
    stream,
    answered: () => bytes,
    listen() {
      taking = true
      take()
    },
  }
}

describe('the gateway stops reading from a client that reads none of its answers, until it does:', () => {
  after(() => broker.close())

  const CHUNKS = 200
  const PER_CHUNK = 1000
  for (const [name, packet, answerBytes] of [
    ['to PINGREQ', { cmd: 'pingreq' }, 2],
    [
      'to QoS 1',
      {
        cmd: 'publish',
        topic: 'a',
        payload: 'x',
        qos: 1,
        messageId: 1,
        dup: false,
        retain: false,
      },
      4,
    ],
  ] as const satisfies [string, Packet, number][])
    it(name, async (t) => {
      const { stream, answered, listen } = await deafClient()
      t.after(() => stream.destroy())
      const before = answered()
      const chunk = Buffer.concat(
        Array.from({ length: PER_CHUNK }, () => mqttPacket.generate(packet)),
      )
      for (let n = 0; n < CHUNKS; n++) stream.push(chunk)
      let left = -1
      // the gateway has stopped once a turn of the loop reads nothing
      while (stream.readableLength !== left) {
        left = stream.readableLength
        for (let turn = 0; turn < 10; turn++) await setImmediate()
      }
      assert.ok(left > 0, 'the gateway read everything')
      listen()
      const all = CHUNKS * PER_CHUNK * answerBytes
      while (answered() - before < all) await setImmediate()
      assert.equal(stream.readableLength, 0)
    })
})
