import { createFilteredTopicMemo } from '../topic/memo.ts'
import { createTopicTrie } from '../topic/trie.ts'
import { type Cohort, toCohorts } from './cohorts.ts'
import type { Delivery } from './delivery.ts'
import { createGroup, parseShared } from './groups.ts'
import { type RouteMatch, toMatch } from './route-match.ts'
import type { Group, Session, Subscription } from './session.ts'

/** A subscriber inside the gateway. */
export type DeliveryListener = (delivery: Delivery) => void

/** All subscribers of a topic. */
export interface Route {
  readonly listeners: readonly DeliveryListener[]
  /** Whether any session subscribes to the topic, also without the right to read it. */
  readonly isHeard: boolean
  /**
   * One for each session, even if several of its filters cover the topic. Without the sessions that may not read it, except
   * stored ones: a message waits for those, and they may be allowed to read it when it is sent.
   */
  readonly matches: readonly RouteMatch[]
  readonly groups: readonly Group[]
  /** The same matches, split into large groups of equal ones and the others. */
  readonly cohorts: readonly Cohort[]
  readonly others: readonly RouteMatch[]
  /** Whether QoS 1 and 2 may have to be stored for a session. */
  readonly hasStored: boolean
  /** Whether QoS 0 may have to be stored, too. */
  readonly hasQos0Stored: boolean
}

/** Everybody who subscribes to one filter. */
interface Interest {
  /** The match of each session by this filter alone. */
  readonly matches: Map<Session, RouteMatch>
  // made when needed, because most of tens of thousands of filters have only subscriptions
  listeners: Set<DeliveryListener> | null
  groups: Map<string, Group> | null
}

/** Called when a filter gets its first subscriber, and when it has lost its last. */
export interface Demand {
  use(filter: string): void
  leave(filter: string): void
}

export interface Routing {
  /** Replaces the session's subscription of the same name. */
  add(subscription: Subscription): void
  remove(subscription: Subscription): void
  /** The listener gets each message once, even if several of its filters cover the topic. */
  listen(filters: readonly string[], listener: DeliveryListener): void
  unlisten(filters: readonly string[], listener: DeliveryListener): void
  /** The listener gets every message, before the listeners of filters. */
  listenToAll(listener: DeliveryListener): void
  unlistenToAll(listener: DeliveryListener): void
  of(topic: string): Route
  /** Call it when what sessions may read has changed. */
  forget(): void
  /** The group with this name, `$share/GROUP/FILTER`, if it has members. */
  group(name: string): Group | undefined
}

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

/**
 * All subscriptions, in one trie of filters. Routes are cached until a filter that covers their topic is added or removed, or rights
 * change.
 */
export function createRouting(demand?: Demand): Routing {
  const interests = createTopicTrie<Interest>()
  const listeningToAll = new Set<DeliveryListener>()
  const routes = createFilteredTopicMemo(
    (topic) => toRoute(topic, interests.covering(topic), listeningToAll),
    REMEMBERED,
    ({ matches, listeners, groups }) => {
      let weight = listeners.length + groups.length
      for (const match of matches) weight += weightOf(match)
      return weight
    },
  )

  function interestIn(filter: string): Interest {
    const known = interests.get(filter)
    if (known) return known
    const interest: Interest = { matches: new Map(), listeners: null, groups: null }
    interests.set(filter, interest)
    demand?.use(filter)
    return interest
  }

  function change(filter: string, apply: (interest: Interest) => void): void {
    const interest = interestIn(filter)
    apply(interest)
    const { listeners, matches, groups } = interest
    if (matches.size + (listeners?.size ?? 0) + (groups?.size ?? 0) === 0) {
      interests.delete(filter)
      demand?.leave(filter)
    }
    routes.forgetCovered(filter)
  }

  return {
    add(subscription) {
      const { session, filter, share } = subscription
      change(filter, (interest) => {
        if (share === null) {
          interest.matches.set(session, toMatch(session, [subscription]))
          return
        }
        interest.groups ??= new Map()
        const group = interest.groups.get(share) ?? createGroup(subscription.name)
        group.add(subscription)
        interest.groups.set(share, group)
      })
    },
    remove({ session, filter, share }) {
      change(filter, ({ matches, groups }) => {
        if (share === null) {
          matches.delete(session)
          return
        }
        const group = groups?.get(share)
        group?.remove(session)
        if (group?.members().length === 0) groups?.delete(share)
      })
    },
    listen(filters, listener) {
      for (const filter of filters)
        change(filter, (interest) => {
          interest.listeners ??= new Set()
          interest.listeners.add(listener)
        })
    },
    unlisten(filters, listener) {
      for (const filter of filters) change(filter, ({ listeners }) => listeners?.delete(listener))
    },
    listenToAll(listener) {
      listeningToAll.add(listener)
      routes.forget()
    },
    unlistenToAll(listener) {
      listeningToAll.delete(listener)
      routes.forget()
    },
    of: routes.of,
    forget: routes.forget,
    group(name) {
      const { share, filter } = parseShared(name) ?? {}
      if (share === undefined || filter === undefined) return undefined
      return interests.get(filter)?.groups?.get(share)
    },
  }
}

function toRoute(
  topic: string,
  interests: readonly Interest[],
  listeningToAll: Iterable<DeliveryListener>,
): Route {
  const bySession = new Map<Session, [RouteMatch, ...RouteMatch[]]>()
  for (const interest of interests)
    for (const [session, match] of interest.matches) {
      const own = bySession.get(session)
      if (own) own.push(match)
      else bySession.set(session, [match])
    }
  const matches: RouteMatch[] = []
  for (const [session, own] of bySession)
    if (session.isStored || session.access.mayReceive(topic)) matches.push(merge(session, own))
  const groups = interests.flatMap((interest) => [...(interest.groups?.values() ?? [])])
  const listeners = new Set(listeningToAll)
  for (const interest of interests)
    for (const listener of interest.listeners ?? []) listeners.add(listener)
  const cohorts = toCohorts(matches)
  return {
    listeners: [...listeners],
    isHeard: bySession.size + groups.length > 0,
    matches,
    groups,
    cohorts,
    others:
      cohorts.length === 0
        ? matches
        : matches.filter(({ session }) => !cohorts.some((cohort) => cohort.has(session))),
    hasStored:
      matches.some(({ session, qos }) => session.isStored && qos > 0) ||
      groups.some((group) => group.members().some(({ session }) => session.isStored)),
    hasQos0Stored: matches.some(({ session, qos }) => session.keepsQos0 && qos > 0),
  }
}

/** What a match takes in a route, in units of some 50 bytes: much more if no other route has it. */
function weightOf({ session, subscriptions }: RouteMatch): number {
  if (subscriptions.length > 1) return 4 + subscriptions.length
  return session.isStored ? 3 : 1
}

/**
 * The match of a session with all these. There may be millions of pairs of session and topic, so routes share a match where it is the
 * same for all topics. That of a stored session is not, because it remembers a verdict on its topic.
 */
function merge(
  session: Session,
  [first, ...more]: readonly [RouteMatch, ...RouteMatch[]],
): RouteMatch {
  if (more.length > 0)
    return toMatch(
      session,
      [first, ...more].flatMap(({ subscriptions }) => subscriptions),
    )
  return session.isStored ? toMatch(session, first.subscriptions) : first
}
