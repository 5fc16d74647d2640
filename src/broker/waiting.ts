import type { Session } from './session.ts'

/** The messages that wait in the queue of a session, or were sent and not acknowledged. */
export interface Waiting {
  readonly messages: number
  readonly bytes: number
  /** Since when the oldest one waits, in milliseconds since the Unix epoch; null if none waits. */
  readonly oldest: number | null
}

/** The most audiences that are checked: a session is in more of them only after many changes of subscriptions. */
const MOST_AUDIENCES = 16

/** What waits now; `oldest` may be too late if the session has changed its subscriptions many times. */
export function waitingFor({ queue, away }: Session): Waiting {
  let oldest = queue.oldest()?.since ?? Number.POSITIVE_INFINITY
  let left = MOST_AUDIENCES
  for (const { bundles } of away.audiences) {
    if (left-- === 0) break
    oldest = Math.min(oldest, bundles.at(bundles.after(away.floor - 1))?.since ?? oldest)
  }
  const messages = queue.length()
  return {
    messages,
    bytes: queue.bytes(),
    oldest: messages > 0 && oldest < Infinity ? oldest : null,
  }
}
