import type { Client, PublishPacket } from 'aedes'
import type { Emitter } from './emitter.ts'
import type { Done } from './hooks.ts'
import { createLines } from './line.ts'
import type { PublishPacket as StoredPacket } from './persistence/packet.ts'
import type { Persistence } from './persistence/persistence.ts'
import { stampOf } from './stamp.ts'

export interface Publishing {
  /** Stores what is to be kept, then hands the message on; within one topic, in the order of the calls. */
  publish(packet: PublishPacket, client: Client | null, done: Done): void
  /** Resolves once nothing is on its way. */
  idle(): Promise<void>
}

const NOBODY: readonly [] = []

/** In place of aedes' own way, which stores what is retained before it queues it, so that others get between. */
export function createPublishing(persistence: Persistence, emitter: Emitter): Publishing {
  const lines = createLines()
  let underway = 0
  let whenIdle = Promise.withResolvers<void>()

  function publish(packet: PublishPacket, client: Client | null, done: Done): void {
    const { topic, qos, retain } = packet
    // for bridges, which do not want their own messages back
    if (client) Object.assign(packet, { clientId: client.id })
    const stamp = stampOf(packet)
    // aedes' own has none
    const receivers = stamp && qos > 0 ? persistence.receivers(topic) : NOBODY
    const isStored = stamp && (retain || qos === 2 || receivers.length > 0)
    if (stamp && (isStored || lines.has(topic))) stamp.turn = lines.join(topic)
    if (!isStored) {
      emitter.emit(packet, done)
      return
    }
    if (receivers.length > 0) stamp.queuedFor = new Set(receivers.map(({ clientId }) => clientId))
    underway += 1
    persistence
      .storeMessage(packet as StoredPacket, receivers)
      .then(
        () => emitter.emit(packet, done),
        (error) => {
          stamp.turn?.leave()
          done(error)
        },
      )
      .finally(() => {
        underway -= 1
        if (underway === 0) whenIdle.resolve()
      })
  }

  return {
    publish,
    idle() {
      if (underway === 0) return Promise.resolve()
      whenIdle = Promise.withResolvers()
      return whenIdle.promise
    },
  }
}
