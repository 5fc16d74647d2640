import { createChain, type Link } from '../chain.ts'

/** One message's place in the order. */
export interface PlaceInOrder {
  /** Runs `emit` as soon as all earlier messages are emitted or have left. */
  ready(emit: () => void): void
  /** The message will not be emitted: runs `left` in its turn instead. */
  leave(left: () => void): void
}

/**
 * Keeps waiting messages in the order of publishing: those that are being stored, and later ones that must not overtake them on
 * the same topic.
 */
export interface PublishOrder {
  readonly length: number
  /** Whether a message waits on this topic, so that none may overtake it. */
  has(topic: string): boolean
  join(topic: string): PlaceInOrder
}

/** A class, because V8 makes object literals that often survive in the old heap, where they keep emitted messages alive. */
class Waiter implements Link<Waiter> {
  readonly topic: string
  emit: (() => void) | null = null
  before: Waiter | null = null
  after: Waiter | null = null

  constructor(topic: string) {
    this.topic = topic
  }
}

export function createPublishOrder(): PublishOrder {
  const waiters = createChain<Waiter>()
  // the number of waiting messages on each topic
  const topics = new Map<string, number>()
  let isAdvancing = false

  function count(topic: string, change: 1 | -1): void {
    const now = (topics.get(topic) ?? 0) + change
    if (now === 0) topics.delete(topic)
    else topics.set(topic, now)
  }

  function advance(): void {
    if (isAdvancing) return
    isAdvancing = true
    try {
      for (let first = waiters.first(); first?.emit; first = waiters.first()) {
        waiters.remove(first)
        count(first.topic, -1)
        first.emit()
      }
    } finally {
      // an `emit` that throws must not block all later messages
      isAdvancing = false
    }
  }

  return {
    get length() {
      return waiters.size
    },
    has: (topic) => topics.has(topic),
    join(topic) {
      const waiter = new Waiter(topic)
      waiters.add(waiter)
      count(topic, 1)
      const settle = (emit: () => void) => {
        if (waiter.emit) return
        waiter.emit = emit
        advance()
      }
      return { ready: settle, leave: settle }
    },
  }
}
