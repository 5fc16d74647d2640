import type { Logger } from 'pino'
import type { Message } from '../topic/message.ts'
import type { KeyedLine } from './broker.ts'
import type { Cohort } from './cohorts.ts'
import type { Delivery } from './delivery.ts'
import { chooseMember } from './groups.ts'
import { createNumbers } from './numbers.ts'
import { createPublishOrder } from './publish-order.ts'
import { type RouteMatch, toLocalMatch, toSharedMatch } from './route-match.ts'
import type { Route, Routing } from './routing.ts'
import type { Arrival, Group, Origin, Session } from './session.ts'
import type { QueueRecipient } from './store/queue-entry.ts'
import type { Store } from './store/store.ts'

export interface Publishing {
  /**
   * Stores the message if needed, then delivers it; messages on one topic keep the order of the calls. Undefined if it is done
   * at once.
   */
  publish(
    message: Message,
    origin: Origin | null,
    keyedLine: KeyedLine | null,
  ): Promise<void> | undefined
  /** Resolves once all messages are delivered. */
  idle(): Promise<void>
}

const NOBODY: readonly [] = []

/** The sessions in whose queues a message is stored. */
interface Queued {
  readonly receivers: readonly QueueRecipient[]
  readonly cohorts: readonly Cohort[]
}

const NOT_QUEUED: Queued = { receivers: NOBODY, cohorts: NOBODY }

/** Takes every message from its publisher to the log and to all who subscribed to it. */
export function createPublishing(store: Store, routing: Routing, logger: Logger): Publishing {
  const order = createPublishOrder()
  const numbers = createNumbers(store.log.start())
  let underway = 0
  let whenIdle = Promise.withResolvers<void>()

  function publish(
    message: Message,
    origin: Origin | null,
    keyedLine: KeyedLine | null,
  ): Promise<void> | undefined {
    const { topic, qos, retain } = message
    const route = routing.of(topic)
    const chosen = route.groups.length > 0 ? choose(route.groups, message) : NOBODY
    const queued: Queued = (qos > 0 ? route.hasStored : route.hasQos0Stored)
      ? {
          receivers: receiversOf(route.others, chosen, message, origin),
          cohorts: qos > 0 ? route.cohorts : NOBODY,
        }
      : NOT_QUEUED
    const isStored =
      retain ||
      queued.receivers.length + queued.cohorts.length > 0 ||
      arrivalOf(origin) !== null ||
      ((qos > 0 || keyedLine !== null) && store.isDurable)
    const number = isStored || order.has(topic) ? undefined : numbers.next()
    if (number !== undefined) {
      const delivery = toDelivery(message, number)
      deliverToAll(delivery, route, chosen, queued, origin)
      store.log.note(delivery)
      return undefined
    }
    underway += 1
    return publishInLine(message, isStored, chosen, queued, origin, keyedLine).finally(() => {
      underway -= 1
      if (underway === 0) whenIdle.resolve()
    })
  }

  async function publishInLine(
    message: Message,
    isStored: boolean,
    chosen: readonly RouteMatch[],
    queued: Queued,
    origin: Origin | null,
    keyedLine: KeyedLine | null,
  ): Promise<void> {
    const delivery = toDelivery(message, numbers.reserve())
    const place = order.join(message.topic)
    if (isStored) {
      try {
        const { receivers, cohorts } = queued
        await store.storeMessage(delivery, receivers, arrivalOf(origin), cohorts, keyedLine)
      } catch (error) {
        place.leave(() => numbers.settle(delivery.sequence))
        throw error
      }
    }
    await new Promise<void>((resolve) =>
      place.ready(() => {
        numbers.settle(delivery.sequence)
        deliverToAll(delivery, routing.of(message.topic), chosen, queued, origin)
        if (!isStored) store.log.note(delivery)
        resolve()
      }),
    )
  }

  /** One member of each group, if a member may read the message. */
  function choose(groups: readonly Group[], { topic }: Message): RouteMatch[] {
    const chosen: RouteMatch[] = []
    for (const group of groups) {
      const member = chooseMember(group, topic)
      if (member) chosen.push(toSharedMatch(member, group))
    }
    return chosen
  }

  function deliverToAll(
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

  /** The match, or that of another member of its group if its session ended while the message was being stored. */
  function withPresentMember(match: RouteMatch, { topic }: Message): RouteMatch {
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
    const wanted = session === origin?.session ? toLocalMatch(match) : match
    if (!wanted) return
    // a subscription made while the message was being stored: the message is not in its queue
    const qos = session.isStored ? 0 : Math.min(wanted.qos, delivery.qos)
    link.deliver(delivery, qos as Delivery['qos'], wanted)
  }

  return {
    publish,
    idle() {
      if (underway === 0) return Promise.resolve()
      whenIdle = Promise.withResolvers()
      return whenIdle.promise
    },
  }
}

function arrivalOf(origin: Origin | null): { session: Session; arrival: Arrival } | null {
  if (!origin?.session || !origin.arrival) return null
  return { session: origin.session, arrival: origin.arrival }
}

/** The stored sessions into whose queues the message goes. */
function receiversOf(
  matches: readonly RouteMatch[],
  chosen: readonly RouteMatch[],
  message: Message,
  origin: Origin | null,
): QueueRecipient[] {
  const receivers: QueueRecipient[] = []
  for (const match of [...matches, ...chosen]) {
    const { session } = match
    if (!session.isStored) continue
    const wanted = session === origin?.session ? toLocalMatch(match) : match
    if (!wanted) continue
    const qos = session.keepsQos0 ? wanted.qos : Math.min(wanted.qos, message.qos)
    if (qos === 0) continue
    const retain = wanted.retainAsPublished && message.retain
    receivers.push({ match: wanted, qos: qos as 1 | 2, retain })
  }
  return receivers
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

// field by field, because spreading is slower and every message passes here
function toDelivery(message: Message, sequence: number): Delivery {
  const { topic, payload, qos, retain, device, time, received, properties, expires } = message
  return { topic, payload, qos, retain, device, time, received, properties, expires, sequence }
}
