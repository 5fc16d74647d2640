import type { Logger } from 'pino'
import { GatewayError } from '../errors.ts'
import type { Message } from '../topic/message.ts'
import type { KeyedLine } from './broker.ts'
import { createDelivering, type Queued } from './delivering.ts'
import type { Delivery } from './delivery.ts'
import { chooseMember } from './groups.ts'
import { createNumbers } from './numbers.ts'
import { createPublishOrder } from './publish-order.ts'
import { type RouteMatch, toLocalMatch, toSharedMatch } from './route-match.ts'
import type { Routing } from './routing.ts'
import type { Arrival, Group, Origin, Session } from './session.ts'
import type { QueueRecipient } from './store/queue-entry.ts'
import type { Store } from './store/store.ts'

export interface Publishing {
  /**
   * Stores the message if needed, then delivers it; messages on one topic keep the order of the calls. Undefined if it is done
   * at once. Rejects with `broker_unavailable`.
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

const NOT_QUEUED: Queued = { receivers: NOBODY, cohorts: NOBODY }

/** Takes every message from its publisher to the log and to all who subscribed to it. */
export function createPublishing(store: Store, routing: Routing, logger: Logger): Publishing {
  const order = createPublishOrder()
  const numbers = createNumbers(store.log.start())
  const deliverToAll = createDelivering(store, logger)
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
    return publishInLine(message, isStored, chosen, queued, origin, keyedLine)
  }

  /** One promise in all: each further one would take time for every message. */
  function publishInLine(
    message: Message,
    isStored: boolean,
    chosen: readonly RouteMatch[],
    queued: Queued,
    origin: Origin | null,
    keyedLine: KeyedLine | null,
  ): Promise<void> {
    const delivery = toDelivery(message, numbers.reserve())
    const place = order.join(message.topic)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    underway += 1

    function end(): void {
      underway -= 1
      if (underway === 0) whenIdle.resolve()
    }

    function deliver(): void {
      place.ready(() => {
        numbers.settle(delivery.sequence)
        try {
          deliverToAll(delivery, routing.of(message.topic), chosen, queued, origin)
          if (!isStored) store.log.note(delivery)
          resolve()
        } catch (error) {
          reject(notAccepted(error))
        }
        end()
      })
    }

    function refuse(error: unknown): void {
      place.leave(() => numbers.settle(delivery.sequence))
      reject(notAccepted(error))
      end()
    }

    const { receivers, cohorts } = queued
    if (isStored)
      store
        .storeMessage(delivery, receivers, arrivalOf(origin), cohorts, keyedLine)
        .then(deliver, refuse)
    else deliver()
    return promise
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

  return {
    publish,
    idle() {
      if (underway === 0) return Promise.resolve()
      whenIdle = Promise.withResolvers()
      return whenIdle.promise
    },
  }
}

function notAccepted(cause: unknown): GatewayError {
  return new GatewayError('broker_unavailable', 'The broker did not accept the message.', {
    cause,
    retryAfter: 1,
  })
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

// field by field, because spreading is slower and every message passes here
function toDelivery(message: Message, sequence: number): Delivery {
  const { topic, payload, qos, retain, device, time, received, properties, expires } = message
  return { topic, payload, qos, retain, device, time, received, properties, expires, sequence }
}
