import mqttPacket from 'mqtt-packet'
import { type Attack, copies, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4

export const publishQos0: Attack = {
  about: 'publishes small QoS 0 messages over MQTT as fast as four connections take them',
  start(target) {
    const topic = `dev/${target.id}/flood`
    const packet = {
      cmd: 'publish',
      topic,
      payload: 'x',
      qos: 0,
      dup: false,
      retain: false,
    } as const
    const bytes = copies(mqttPacket.generate(packet), 1000)
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `qos0-${lane}`, protocolVersion: 4 }), () => bytes),
    )
  },
}
