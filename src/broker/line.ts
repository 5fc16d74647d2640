/** One message's place in the line. */
export interface Turn {
  /** Runs `emit` as soon as everything that joined the line earlier has been emitted or has left. */
  ready(emit: () => void): void
  /** The message will not be emitted: runs `left` in its turn instead. */
  leave(left: () => void): void
}

/**
 * Keeps messages that have to wait in the order of publishing: those that are being stored, and those that must not pass
 * them on the same topic.
 */
export interface Line {
  readonly length: number
  /** Whether somebody waits on this topic, so that nobody may pass. */
  has(topic: string): boolean
  join(topic: string): Turn
}

interface Place {
  readonly topic: string
  emit: (() => void) | null
}

export function createLine(): Line {
  const places = new Set<Place>()
  // how many wait on each topic
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
      for (const place of places) {
        if (!place.emit) break
        places.delete(place)
        count(place.topic, -1)
        place.emit()
      }
    } finally {
      // one that throws does not hold up the others for ever
      isAdvancing = false
    }
  }

  return {
    get length() {
      return places.size
    },
    has: (topic) => topics.has(topic),
    join(topic) {
      const place: Place = { topic, emit: null }
      places.add(place)
      count(topic, 1)
      const settle = (emit: () => void) => {
        if (place.emit) return
        place.emit = emit
        advance()
      }
      return { ready: settle, leave: settle }
    },
  }
}
