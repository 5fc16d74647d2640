import { createHash } from 'node:crypto'

const INTERVAL_MS = 60_000
const MAX_REMEMBERED = 10_000
/** A longer key is remembered by its digest: a topic may have 65,535 bytes. */
const LONGEST_KEY = 300

/** How many calls with the same key were not logged since the last one that was; empty when none. */
export type Repeated = { readonly repeated?: number }

/** Calls `log`, or counts the call when its key has been logged as often in this minute as it may be. */
export type LogLimit = (key: string, log: (repeated: Repeated) => void) => void

/**
 * Logs each key at most `most` times a minute, so that nobody can fill the disk by repeating a fault. `now` must be a monotonic
 * clock. At most 10,000 keys are remembered.
 */
export function createLogLimit(now: () => number = () => performance.now(), most = 1): LogLimit {
  const remembered = new Map<string, { since: number; logged: number; count: number }>()

  // the map is in the order in which the minutes began
  function forgetOldest(time: number): void {
    for (const [key, { since }] of remembered) {
      if (time - since < INTERVAL_MS && remembered.size < MAX_REMEMBERED) return
      remembered.delete(key)
    }
  }

  return (subject, log) => {
    const key = subject.length <= LONGEST_KEY ? subject : digest(subject)
    const time = now()
    const known = remembered.get(key)
    if (known && time - known.since < INTERVAL_MS) {
      if (known.logged < most) {
        known.logged += 1
        log({})
      } else known.count += 1
      return
    }
    remembered.delete(key)
    forgetOldest(time)
    remembered.set(key, { since: time, logged: 1, count: 0 })
    log(known && known.count > 0 ? { repeated: known.count } : {})
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
