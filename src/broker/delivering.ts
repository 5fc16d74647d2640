import type { Logger } from 'pino'
import type { Cohort } from './cohorts.ts'
import type { Delivery } from './delivery.ts'
import { chooseMember } from './groups.ts'
import { type RouteMatch, toLocalMatch, toSharedMatch } from './route-match.ts'
import type { Route } from './routing.ts'
import type { Group, Origin, Session } from './session.ts'
import type { QueueRecipient } from './store/queue-entry.ts'
import type { Store } from './store/store.ts'

/** The sessions in whose queues a message is stored. */
export interface Queued {
  readonly receivers: readonly QueueRecipient[]
  readonly cohorts: readonly Cohort[]
}

/** Hands a message to all who subscribed to it; `chosen` are the members of groups that get it. */
export function createDelivering(store: Pick<Store, 'log' | 'sessions'>, logger: Logger) {
  return function deliverToAll(
    delivery: Delivery,
    route: Route,
    chosen: readonly RouteMatch[],
    queued: Queued,
    origin: Origin | null,
  ): void {
    store.log.noteGiven(delivery.sequence)
    for (const listener of route.listeners) {
      try {
        listener(delivery)
      } catch (error) {
        // if it were thrown further, it would end the publisher's connection
        logger.error({ err: error }, 'a subscriber inside the gateway failed')
      }
    }
    const isQueued = toIsQueued(queued)
    for (const match of route.others) deliverTo(match, delivery, isQueued, origin)
    for (const cohort of route.cohorts)
      for (const match of cohort.now(store.sessions.version()).connected)
        deliverTo(match, delivery, isQueued, origin)
    for (const match of chosen)
      deliverTo(withPresentMember(match, delivery), delivery, isQueued, origin)
  }
}

/** The match, or that of another member of its group if its session ended while the message was being stored. */
function withPresentMember(match: RouteMatch, { topic }: Delivery): RouteMatch {
  if (!match.session.isClosed || match.group === null) return match
  const member = chooseMember(match.group, topic)
  return member ? toSharedMatch(member, match.group) : match
}

function deliverTo(
  match: RouteMatch,
  delivery: Delivery,
  isQueued: IsQueued | null,
  origin: Origin | null,
): void {
  const { session } = match
  const { link } = session
  if (link === null) return
  // the session sends it from its queue
  if (isQueued?.(match)) {
    link.wake()
    return
  }
  match.mayRead ??= session.access.mayReceive(delivery.topic)
  if (!match.mayRead) return
  const wanted = session === origin?.session ? toLocalMatch(match) : match
  if (!wanted) return
  // a subscription made while the message was being stored: the message is not in its queue
  const qos = session.isStored ? 0 : Math.min(wanted.qos, delivery.qos)
  link.deliver(delivery, qos as Delivery['qos'], wanted)
}

/** Whether a message is in the queue of a match. */
type IsQueued = (match: RouteMatch) => boolean

function toIsQueued({ receivers, cohorts }: Queued): IsQueued | null {
  if (receivers.length + cohorts.length === 0) return null
  // by session, and by group where that chose the session
  const queued = new Set<Session | Group>(
    receivers.map(({ match }) => match.group ?? match.session),
  )
  return ({ group, session }) =>
    queued.has(group ?? session) ||
    (group === null && cohorts.some((cohort) => cohort.has(session)))
}
