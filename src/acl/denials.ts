import type { Logger } from 'pino'
import { createLogLimit } from '../log/log-limit.ts'
import { namedAt } from '../log/named.ts'
import type { Action } from './rule.ts'

/** An action that the ACL file does not allow. */
export interface Denial {
  readonly door: string
  /** The user of the ACL. */
  readonly id: string
  readonly action: Action
  readonly topic: string
}

const MINUTE_MS = 60_000
/** Of one device and action in a minute. */
const MOST_LINES = 100
/** Characters of a topic that the log shows. */
const LONGEST_TOPIC = 256

/** Reports denials to the log. */
export interface Denials {
  note(denial: Denial): void
}

/** Logs a denial at most once a minute for each user, action, topic and door, with how often it happened since, and not without end. */
export function createDenials(
  log: Pick<Logger, 'warn'>,
  now: () => number = () => performance.now(),
): Denials {
  const logLimited = createLogLimit(now)
  const lines = new Map<string, number>()
  let since = now()

  /** Whether this minute has had all the lines it may have of this one, who can think of a new topic each time. */
  function isOneTooMany(who: string): boolean {
    if (now() - since >= MINUTE_MS) {
      since = now()
      lines.clear()
    }
    const count = (lines.get(who) ?? 0) + 1
    lines.set(who, count)
    if (count === MOST_LINES + 1) {
      const [door = '', id, action] = who.split('\0')
      log.warn(
        { door, ...namedAt(door, id), action },
        'denied on more topics; further denials are not logged until the next minute',
      )
    }
    return count > MOST_LINES
  }

  return {
    note({ door, id, action, topic }) {
      const who = `${door}\0${id}\0${action}`
      logLimited(`${who}\0${topic}`, (repeated) => {
        const begin = topic.length > LONGEST_TOPIC ? `${topic.slice(0, LONGEST_TOPIC)}…` : topic
        const fields = { door, ...namedAt(door, id), action, topic: begin, ...repeated }
        if (!isOneTooMany(who)) log.warn(fields, 'denied by the access control file')
      })
    },
  }
}
