import mqttPacket from 'mqtt-packet'
import { type Attack, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4
const AT_ONCE = 500

export const publishQos1: Attack = {
  about: 'publishes small QoS 1 messages over MQTT as fast as four connections take them',
  start(target) {
    const topic = `dev/${target.id}/flood`
    const packet = {
      cmd: 'publish',
      topic,
      payload: 'x',
      qos: 1,
      dup: false,
      retain: false,
    } as const
    const packets = Array.from({ length: AT_ONCE }, (_, index) =>
      mqttPacket.generate({ ...packet, messageId: index + 1 }),
    )
    const bytes = Buffer.concat(packets)
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `qos1-${lane}`, protocolVersion: 4 }), () => bytes),
    )
  },
}
