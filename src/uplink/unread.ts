import type { UplinkMessage } from './message.ts'

/** Messages with QoS 0 that the broker may not have read yet: only its answers to later packets prove that it has. */
export interface Unread {
  /** Returns the place of the message among all of the connection. */
  sent(message: UplinkMessage): number
  /** The broker has acknowledged the message at this place, and so has read all before it. */
  read(place: number): void
  /** The place of the last message that was sent; 0 before the first. */
  lastPlace(): number
  /** Those of the last milliseconds. */
  recent(): UplinkMessage[]
}

interface UnreadMessage {
  readonly message: UplinkMessage
  readonly place: number
  readonly at: number
}

const MOST_REMEMBERED = 1_000

/** `recentMs`: a broker has read what is older. */
export function createUnread(recentMs: number): Unread {
  /** In the order of their places. */
  const unread = new Set<UnreadMessage>()
  let places = 0

  return {
    sent(message) {
      places += 1
      if (message.qos > 0) return places
      unread.add({ message, place: places, at: performance.now() })
      if (unread.size > MOST_REMEMBERED)
        for (const oldest of unread) {
          unread.delete(oldest)
          break
        }
      return places
    },
    read(place) {
      for (const sent of unread) {
        if (sent.place > place) return
        unread.delete(sent)
      }
    },
    lastPlace: () => places,
    recent() {
      const since = performance.now() - recentMs
      return [...unread].filter(({ at }) => at >= since).map(({ message }) => message)
    },
  }
}
