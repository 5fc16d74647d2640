import type { MqttClient } from 'mqtt'
import { within } from './within.ts'

export interface Pings {
  /**
   * Sends a PINGREQ, and resolves once the broker has answered, and so has read everything that was sent before. Rejects when the
   * connection ends first; without an answer within `ms` milliseconds it is ended.
   */
  check(ms: number): Promise<void>
}

/** Answers come in the order of the questions, also of those that keep the connection alive [MQTT-3.12.4-1]. */
export function createPings(
  client: MqttClient,
  ended: Promise<string>,
  end: (reason: string) => void,
  silent: string,
): Pings {
  let asked = 0
  let answered = 0
  const waiting = new Map<number, () => void>()

  client.on('packetsend', ({ cmd }) => {
    if (cmd === 'pingreq') asked += 1
  })
  client.on('packetreceive', ({ cmd }) => {
    if (cmd !== 'pingresp') return
    answered += 1
    waiting.get(answered)?.()
    waiting.delete(answered)
  })
  const failed = ended.then((reason) => {
    throw new Error(reason)
  })
  // heard only by whoever asks
  failed.catch(() => {})

  return {
    async check(ms) {
      const answer = Promise.withResolvers<void>()
      client.sendPing()
      waiting.set(asked, answer.resolve)
      await within(ms, Promise.race([answer.promise, failed]), () => {
        end(silent)
        return new Error(silent)
      })
    },
  }
}
