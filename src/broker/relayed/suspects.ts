import type { UplinkMessage } from '../../uplink/message.ts'
import {
  acquit,
  isForgotten,
  pauseMs,
  type Standing,
  type Suspicion,
  standingOf,
  suspect,
} from './suspicion.ts'

export type SenderId = string | null

export interface SuspectsOptions {
  /** The longest time in milliseconds that a device uses the second connection; 0 for never. */
  readonly longestMs: number
  /** Devices that are remembered. */
  readonly most: number
  readonly now?: () => number
  /** Told of each device and of one of its topics, where it is not trusted any more. */
  onSuspected(sender: SenderId, topic: string, suspicion: Suspicion): void
}

/** The devices with unacknowledged messages when the other broker closed a connection. */
export interface Suspects {
  standing(sender: SenderId): Standing
  /** Seconds until it is not paused any more, rounded up. */
  pauseSeconds(sender: SenderId): number
  /** The broker closed a connection while these messages were unacknowledged. */
  lost(messages: readonly UplinkMessage[]): void
  acknowledged(message: UplinkMessage): void
  /** How many are not trusted now. */
  count(): number
}

export function createSuspects(options: SuspectsOptions): Suspects {
  const { longestMs, most, now = () => performance.now() } = options
  /** Those of the latest incidents last. */
  const known = new Map<SenderId, Suspicion>()

  const standing = (sender: SenderId) =>
    known.size === 0 ? 'trusted' : standingOf(known.get(sender), now(), longestMs)

  function makeRoom(): void {
    for (const [sender, suspicion] of known) {
      if (known.size <= most && !isForgotten(suspicion, now(), longestMs)) return
      known.delete(sender)
    }
  }

  return {
    standing,
    pauseSeconds(sender) {
      const suspicion = known.get(sender)
      if (!suspicion) return 0
      return Math.max(1, Math.ceil((suspicion.since + pauseMs(suspicion) - now()) / 1000))
    },
    lost(messages) {
      makeRoom()
      const evidence = messages.length === 1 ? 'alone' : 'together'
      for (const [sender, topics] of bySender(messages)) {
        const suspicion = suspect(known.get(sender), topics, evidence, now())
        known.delete(sender)
        known.set(sender, suspicion)
        if (standing(sender) !== 'trusted')
          options.onSuspected(sender, topics[0] as string, suspicion)
      }
      makeRoom()
    },
    acknowledged({ sender = null, topic }) {
      const suspicion = known.get(sender)
      if (suspicion) known.set(sender, acquit(suspicion, topic))
    },
    count() {
      let count = 0
      for (const sender of known.keys()) if (standing(sender) !== 'trusted') count += 1
      return count
    },
  }
}

function bySender(messages: readonly UplinkMessage[]): Map<SenderId, string[]> {
  const topics = new Map<SenderId, string[]>()
  for (const { sender = null, topic } of messages) {
    const known = topics.get(sender)
    if (known) known.push(topic)
    else topics.set(sender, [topic])
  }
  return topics
}
