import type { Routing } from './routing.ts'
import type { Session, Subscription } from './session.ts'
import type { Changed } from './session-broker.ts'
import type { Sessions } from './store/sessions.ts'
import { type RequestedSubscription, toSubscription } from './store/subscription.ts'

export interface Subscribing {
  subscribe(session: Session, requested: readonly RequestedSubscription[]): Changed
  unsubscribe(session: Session, names: readonly string[]): Changed
}

const NONE: readonly string[] = []

/** Changes a session's subscriptions: first in memory, so that messages arrive from then on, then in the store. */
export function createSubscribing(sessions: Sessions, routing: Routing): Subscribing {
  function put(session: Session, name: string, after: Subscription | undefined): void {
    const before = session.subscriptions.get(name)
    if (after) {
      sessions.addSubscription(after)
      // a closed session gets no more messages
      if (!session.isClosed) routing.add(after)
    } else if (before) {
      sessions.removeSubscription(before)
      routing.remove(before)
    }
  }

  function change(
    session: Session,
    after: ReadonlyMap<string, Subscription | undefined>,
    storing: Promise<void>,
  ): Changed {
    const before = new Map([...after.keys()].map((name) => [name, session.subscriptions.get(name)]))
    for (const [name, subscription] of after) put(session, name, subscription)
    const stored = storing.then(
      () => NONE,
      (error) => {
        for (const [name, subscription] of before) put(session, name, subscription)
        throw error
      },
    )
    return { had: (name) => before.get(name) !== undefined, stored }
  }

  return {
    subscribe(session, requested) {
      // a name that occurs twice is stored once
      const wanted = new Map(requested.map((one) => [one.name, toSubscription(session, one)]))
      const storing = sessions.subscribe(session, [...wanted.values()])
      return change(session, wanted, storing)
    },
    unsubscribe(session, names) {
      const unwanted = new Map(names.map((name) => [name, undefined]))
      const known = [...unwanted.keys()].filter((name) => session.subscriptions.has(name))
      const storing = sessions.unsubscribe(session, known)
      return change(session, unwanted, storing)
    },
  }
}
