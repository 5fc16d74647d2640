import type { Qos } from '../../topic/message.ts'
import { parseShared } from '../groups.ts'
import type { Session, Subscription, SubscriptionOptions } from '../session.ts'
import type { Change } from './changes.ts'

/** The subscription in a SUBSCRIBE; `name` is the filter, with `$share/GROUP/` if it is shared. */
export type RequestedSubscription = SubscriptionOptions & { readonly name: string }

/** The subscription of a session, with the group and the filter that are in its name. */
export function toSubscription(session: Session, requested: RequestedSubscription): Subscription {
  const { name, qos, noLocal, retainAsPublished, identifier } = requested
  const { share, filter } = parseShared(name) ?? { share: null, filter: name }
  return { session, name, filter, share, qos, noLocal, retainAsPublished, identifier }
}

/** Whether the session has exactly this subscription already. */
export function isUnchanged(a: Subscription | undefined, b: Subscription): boolean {
  return a !== undefined && a.qos === b.qos && optionsOf(a) === optionsOf(b)
}

/** The change that stores a subscription. */
export function subscribeChange(one: Subscription): Change {
  return ['subscribe', one.session.id, one.name, one.qos, optionsOf(one)]
}

/** The subscription that `subscribeChange` stored. */
export function restoredSubscription(
  session: Session,
  name: string,
  qos: Qos,
  options: string,
): Subscription {
  const { nl = false, rap = false, subscriptionIdentifier = 0 } = JSON.parse(options)
  return toSubscription(session, {
    name,
    qos,
    noLocal: nl,
    retainAsPublished: rap,
    identifier: subscriptionIdentifier,
  })
}

/** The names are those of older gateways, whose stores must stay readable. */
function optionsOf({ noLocal, retainAsPublished, identifier }: Subscription): string {
  return JSON.stringify({
    rap: retainAsPublished,
    nl: noLocal,
    subscriptionIdentifier: identifier || undefined,
  })
}
