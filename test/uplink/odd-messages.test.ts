import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { UplinkMessage } from '../../src/uplink/message.ts'
import { publishBytes, textBytes, userPropertyBytes } from '../support/publish-bytes.ts'
import { type ScriptedBroker, startScriptedBroker } from './scripted-broker.ts'
import { startUplink } from './site.ts'

const text = (id: number, value: string) => Buffer.concat([Buffer.from([id]), textBytes(value)])
const [EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, USER] = [0x02, 0x03, 0x08, 0x09, 0x26]

/** Properties that no broker may send [MQTT 5 §3.3.2.3], and those that are left. */
const ODD: Readonly<Record<string, readonly [Buffer, UplinkMessage['properties']]>> = {
  'a content type twice': [
    Buffer.concat([text(CONTENT_TYPE, 'a'), text(CONTENT_TYPE, 'b'), text(RESPONSE_TOPIC, 'c')]),
    { responseTopic: 'c' },
  ],
  'a response topic twice': [
    Buffer.concat([text(RESPONSE_TOPIC, 'a'), text(RESPONSE_TOPIC, 'b')]),
    null,
  ],
  'correlation data twice': [
    Buffer.concat([text(CORRELATION, 'a'), text(CORRELATION, 'b'), userPropertyBytes(['a', 'b'])]),
    { userProperties: [['a', 'b']] },
  ],
  'a format twice': [Buffer.from([1, 1, 1, 1]), null],
  'a time to live twice': [Buffer.from([EXPIRY, 0, 0, 0, 9, EXPIRY, 0, 0, 0, 9]), null],
  'a content type that is cut off': [Buffer.from([CONTENT_TYPE, 0, 200]), null],
  'correlation data that are cut off': [Buffer.from([CORRELATION, 0, 200]), null],
  'a user property without a value': [
    Buffer.concat([userPropertyBytes(['a', 'b']), text(USER, 'name')]),
    { userProperties: [['a', 'b']] },
  ],
}

/** A broker that sends these bytes, which hold a message with QoS 1, to each client. */
function brokerThatSends(bytes: Buffer, onAcknowledged: () => void): Promise<ScriptedBroker> {
  return startScriptedBroker({
    onPacket(packet, { socket }) {
      if (packet.cmd === 'puback') onAcknowledged()
      if (packet.cmd === 'subscribe')
        socket.write(
          Buffer.concat([Buffer.from([0x90, 4, 0, packet.messageId as number, 0, 1]), bytes]),
        )
    },
  })
}

describe('a message of the other broker', () => {
  for (const [what, [properties, left]] of Object.entries(ODD))
    it(`with ${what} is accepted without that`, async () => {
      const came = Promise.withResolvers<UplinkMessage>()
      const acknowledged = Promise.withResolvers<void>()
      await using broker = await brokerThatSends(
        publishBytes({ topic: 'a', properties }),
        acknowledged.resolve,
      )
      await using at = startUplink(broker.port, { onMessage: came.resolve })
      await at.connected()
      await at.uplink.subscribe([{ filter: '#', qos: 1 }])
      const message = await came.promise
      assert.deepEqual(message.properties, left)
      assert.equal(message.messageExpiry, null)
      await acknowledged.promise
    })

  it('ends only its connection if handling it throws', async () => {
    await using broker = await brokerThatSends(
      publishBytes({ topic: 'a', properties: Buffer.alloc(0) }),
      () => {},
    )
    await using at = startUplink(broker.port, {
      onMessage() {
        throw new Error('a fault of ours')
      },
    })
    await at.connected()
    await at.uplink.subscribe([{ filter: '#', qos: 1 }]).catch(() => {})
    await at.away(/a message could not be processed: a fault of ours/)
    await at.connected(2)
  })
})
