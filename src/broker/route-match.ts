import type { Group, Match, Session, Subscription } from './session.ts'

/** A session that asked for a topic, with the subscriptions of its client that match. */
export interface RouteMatch extends Match {
  /** The subscriptions that do not want the messages of their own client. */
  readonly notLocal: readonly Subscription[]
  readonly subscriptions: readonly Subscription[]
  /** Whether the session may read the topic now; null until somebody asks. A change of the rules ends the match. */
  mayRead: boolean | null
}

const NONE: readonly Subscription[] = []

/** Merges a session's subscriptions to one topic: one copy with the highest QoS [MQTT-3.3.5-1] and all identifiers. */
export function toMatch(session: Session, subscriptions: readonly Subscription[]): RouteMatch {
  const notLocal = subscriptions.filter(({ noLocal }) => noLocal)
  const identifiers = subscriptions.map(({ identifier }) => identifier).filter((id) => id > 0)
  return {
    session,
    qos: subscriptions.reduce<Match['qos']>((most, { qos }) => (qos > most ? qos : most), 0),
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
    identifiers: identifiers.length > 0 ? identifiers : null,
    group: null,
    notLocal: notLocal.length > 0 ? notLocal : NONE,
    subscriptions,
    // a route has no match of a passing session that may not read the topic
    mayRead: session.isStored ? null : true,
  }
}

/** The match of the member of a group. Field by field, because it is made for every message. */
export function toSharedMatch(subscription: Subscription, group: Group): RouteMatch {
  const { session, qos, retainAsPublished, identifier, noLocal } = subscription
  return {
    session,
    qos,
    retainAsPublished,
    identifiers: identifier > 0 ? [identifier] : null,
    group,
    notLocal: noLocal ? [subscription] : NONE,
    subscriptions: [subscription],
    // otherwise it would not have been chosen
    mayRead: true,
  }
}

/** The match for a message of the session's own client; undefined if all its subscriptions exclude those. */
export function toLocalMatch(match: RouteMatch): RouteMatch | undefined {
  if (match.notLocal.length === 0) return match
  const wanted = match.subscriptions.filter(({ noLocal }) => !noLocal)
  return wanted.length === 0 ? undefined : toMatch(match.session, wanted)
}
