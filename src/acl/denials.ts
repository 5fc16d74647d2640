import type { Logger } from 'pino'
import type { Action } from './rules.ts'

export interface Denial {
  readonly door: string
  /** The user of the ACL. */
  readonly id: string
  readonly action: Action
  readonly topic: string
}

export interface Denials {
  note(denial: Denial): void
}

const INTERVAL_MS = 60_000
const MAX_REMEMBERED = 10_000

/** Logs a denial at most once a minute for each user, action, topic and door, with how often it happened since. */
export function createDenials(log: Pick<Logger, 'warn'>, now: () => number = Date.now): Denials {
  const remembered = new Map<string, { since: number; count: number }>()

  /** Entries are in the order of their minute's beginning, so the oldest go first. */
  function makeRoom(time: number): void {
    for (const [key, { since }] of remembered) {
      if (time - since < INTERVAL_MS && remembered.size < MAX_REMEMBERED) return
      remembered.delete(key)
    }
  }

  return {
    note({ door, id, action, topic }) {
      const key = `${door}\0${id}\0${action}\0${topic}`
      const time = now()
      const known = remembered.get(key)
      if (known && time - known.since < INTERVAL_MS) {
        known.count += 1
        return
      }
      remembered.delete(key)
      makeRoom(time)
      remembered.set(key, { since: time, count: 0 })
      const repeated = known && known.count > 0 ? { repeated: known.count } : {}
      log.warn({ door, id, action, topic, ...repeated }, 'denied by the access control file')
    },
  }
}
