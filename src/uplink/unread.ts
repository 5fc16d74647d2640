import { createChain, type Link } from '../chain.ts'
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

/** A class, because V8 creates object literals that often survive in the old heap. */
class UnreadMessage implements Link<UnreadMessage> {
  readonly message: UplinkMessage
  readonly place: number
  readonly at = performance.now()
  before: UnreadMessage | null = null
  after: UnreadMessage | null = null

  constructor(message: UplinkMessage, place: number) {
    this.message = message
    this.place = place
  }
}

const MOST_REMEMBERED = 1_000

/** `recentMs`: a broker has read what is older. */
export function createUnread(recentMs: number): Unread {
  /** In the order of their places. */
  const unread = createChain<UnreadMessage>()
  let places = 0

  return {
    sent(message) {
      places += 1
      if (message.qos > 0) return places
      unread.add(new UnreadMessage(message, places))
      const oldest = unread.first()
      if (oldest && unread.size > MOST_REMEMBERED) unread.remove(oldest)
      return places
    },
    read(place) {
      for (let sent = unread.first(); sent && sent.place <= place; sent = unread.first())
        unread.remove(sent)
    },
    lastPlace: () => places,
    recent() {
      const since = performance.now() - recentMs
      const recent: UplinkMessage[] = []
      unread.each(({ message, at }) => {
        if (at >= since) recent.push(message)
      })
      return recent
    },
  }
}
