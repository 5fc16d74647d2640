import { createTopicMemo } from '../topic/memo.ts'
import { createTopicTrie } from '../topic/trie.ts'
import { stampOf } from './stamp.ts'

interface Packet {
  readonly topic: string
}

/** Gets a packet, and must say at some time that it is done with it. */
export type Listener = (packet: Packet, done: () => void) => void

/** What aedes asks of the emitter behind it: an mqemitter without its queue. */
export interface Emitter {
  on(filter: string, listener: Listener, done?: () => void): void
  removeListener(filter: string, listener: Listener, done?: () => void): void
  /** `done` is called once every listener is done, or at once with an error after `close`. */
  emit(packet: Packet, done?: (error?: Error) => void): void
  close(done: () => void): void
}

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

const nothing = () => {}

/** The one place where messages get their order: whoever subscribes sees the same numbers in the same order. */
export function createEmitter(): Emitter {
  const byFilter = createTopicTrie<Set<Listener>>()
  const covering = createTopicMemo(byFilter.covering, REMEMBERED, ({ length }) => length)
  let sequence = 0
  let closed = false

  function hand(packet: Packet, done: () => void): void {
    // one for the loop itself: a listener may be done at once, and others come and go meanwhile
    let waiting = 1
    const oneDone = () => {
      waiting -= 1
      if (waiting === 0) done()
    }
    for (const listeners of covering.of(packet.topic))
      for (const listener of listeners) {
        waiting += 1
        listener(packet, oneDone)
      }
    oneDone()
  }

  return {
    on(filter, listener, done = nothing) {
      const listeners = byFilter.get(filter)
      if (listeners) listeners.add(listener)
      else {
        byFilter.set(filter, new Set([listener]))
        covering.forget()
      }
      // at once, or an UNSUBSCRIBE and the SUBSCRIBE after it would pass each other
      done()
    },
    removeListener(filter, listener, done = nothing) {
      const listeners = byFilter.get(filter)
      if (listeners?.delete(listener) && listeners.size === 0) {
        byFilter.delete(filter)
        covering.forget()
      }
      done()
    },
    emit(packet, done = nothing) {
      if (closed) return done(new Error('the emitter is closed'))
      const stamp = stampOf(packet)
      // aedes' own messages are in nobody's line, and have no number
      if (!stamp) return hand(packet, done)
      const inTurn = () => {
        sequence += 1
        stamp.sequence = sequence
        stamp.turn = undefined
        hand(packet, done)
      }
      if (stamp.turn) stamp.turn.ready(inTurn)
      else inTurn()
    },
    close(done) {
      closed = true
      setImmediate(done)
    },
  }
}
