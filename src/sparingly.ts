import { createHash } from 'node:crypto'

const INTERVAL_MS = 60_000
const MAX_REMEMBERED = 10_000
/** Topics may have 65,535 bytes, and are known by their digest then. */
const LONGEST_KEY = 300

/** How often something happened since it was last said, where it did. */
export type Repeated = { readonly repeated?: number }

export type Sparingly = (key: string, say: (repeated: Repeated) => void) => void

/** Lets each key speak at most `most` times a minute, on a clock that nobody sets back; memory is bounded. */
export function createSparingly(now: () => number = () => performance.now(), most = 1): Sparingly {
  const remembered = new Map<string, { since: number; said: number; count: number }>()

  /** Entries are in the order of their minute's beginning, so the oldest go first. */
  function makeRoom(time: number): void {
    for (const [key, { since }] of remembered) {
      if (time - since < INTERVAL_MS && remembered.size < MAX_REMEMBERED) return
      remembered.delete(key)
    }
  }

  return (subject, say) => {
    const key = subject.length <= LONGEST_KEY ? subject : digest(subject)
    const time = now()
    const known = remembered.get(key)
    if (known && time - known.since < INTERVAL_MS) {
      if (known.said < most) {
        known.said += 1
        say({})
      } else known.count += 1
      return
    }
    remembered.delete(key)
    makeRoom(time)
    remembered.set(key, { since: time, said: 1, count: 0 })
    say(known && known.count > 0 ? { repeated: known.count } : {})
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64')
}
