/** One message's place in the line of its topic. */
export interface Turn {
  /** Runs `emit` as soon as everything that joined the line earlier has been emitted or has left. */
  ready(emit: () => void): void
  /** The message will not be emitted. Does nothing after `ready`. */
  leave(): void
}

/**
 * Keeps each topic in the order of publishing. Storing takes time that depends on QoS and retention, so
 * without it a QoS 0 message overtakes the QoS 1 message before it.
 */
export interface Lines {
  /** Whether somebody waits on this topic, so that nobody may pass. */
  has(topic: string): boolean
  join(topic: string): Turn
}

const nothing = () => {}

export function createLines(): Lines {
  const lines = new Map<string, { emit: (() => void) | null }[]>()

  function advance(topic: string, line: { emit: (() => void) | null }[]): void {
    for (let first = line[0]; first?.emit; first = line[0]) {
      const { emit } = first
      line.shift()
      if (line.length === 0) lines.delete(topic)
      emit()
    }
  }

  return {
    has: (topic) => lines.has(topic),
    join(topic) {
      const place: { emit: (() => void) | null } = { emit: null }
      const line = lines.get(topic)
      if (line) line.push(place)
      else lines.set(topic, [place])
      const settle = (emit: () => void) => {
        if (place.emit) return
        place.emit = emit
        const current = lines.get(topic)
        if (current) advance(topic, current)
      }
      return { ready: settle, leave: () => settle(nothing) }
    },
  }
}
