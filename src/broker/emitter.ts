import mqemitter, { type MQEmitter } from 'mqemitter'
import { stampOf } from './stamp.ts'

/** The one place where messages get their order: whoever subscribes sees the same numbers in the same order. */
export function createEmitter(): MQEmitter {
  // 0 because a bounded emitter queues in an array it shifts, which makes fan-in eight times slower
  const emitter = mqemitter({ concurrency: 0, matchEmptyLevels: true })
  const emit = emitter.emit.bind(emitter)
  let sequence = 0
  emitter.emit = (packet, done) => {
    const stamp = stampOf(packet)
    if (!stamp) return emit(packet, done)
    const inTurn = () => {
      sequence += 1
      stamp.sequence = sequence
      stamp.turn = undefined
      emit(packet, done)
    }
    if (stamp.turn) stamp.turn.ready(inTurn)
    else inTurn()
    return emitter
  }
  return emitter
}
