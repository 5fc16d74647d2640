import type { Logger } from 'pino'
import { createSparingly } from '../sparingly.ts'
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

/** Logs a denial at most once a minute for each user, action, topic and door, with how often it happened since. */
export function createDenials(log: Pick<Logger, 'warn'>, now: () => number = Date.now): Denials {
  const sparingly = createSparingly(now)
  return {
    note({ door, id, action, topic }) {
      sparingly(`${door}\0${id}\0${action}\0${topic}`, (repeated) =>
        log.warn({ door, id, action, topic, ...repeated }, 'denied by the access control file'),
      )
    },
  }
}
