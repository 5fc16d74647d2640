import type { RouteMatch } from './route-match.ts'
import type { Match, Session } from './session.ts'
import type { Audience } from './store/queue-types.ts'

/**
 * Many stored sessions that get a topic's messages in the same way: for those that are away, a message is stored once for all.
 */
export interface Cohort extends Pick<Match, 'qos' | 'retainAsPublished' | 'identifiers'> {
  readonly matches: readonly RouteMatch[]
  has(session: Session): boolean
  /** The members that are connected and those that are away; recomputed when `version` has changed. */
  now(version: number): Members
}

export interface Members {
  readonly connected: readonly RouteMatch[]
  readonly away: readonly RouteMatch[]
  /** The members that get bundles now, null if none do; and the other members. */
  bundled: { readonly audience: Audience | null; readonly apart: readonly RouteMatch[] } | null
}

/** The least number of sessions in a cohort. */
const COHORT = 8

/** The large groups among these matches. */
export function toCohorts(matches: readonly RouteMatch[]): Cohort[] {
  if (matches.length < COHORT) return []
  const alike = Map.groupBy(
    matches.filter(
      ({ session, qos, notLocal }) =>
        session.isStored && !session.keepsQos0 && qos > 0 && notLocal.length === 0,
    ),
    ({ qos, retainAsPublished, identifiers }) => `${qos} ${retainAsPublished} ${identifiers}`,
  )
  return [...alike.values()]
    .filter(({ length }) => length >= COHORT)
    .map((members) => {
      const { qos, retainAsPublished, identifiers } = members[0] as RouteMatch
      const sessions = new Set(members.map(({ session }) => session))
      return {
        qos,
        retainAsPublished,
        identifiers,
        matches: members,
        has: (session: Session) => sessions.has(session),
        now: createNow(members),
      }
    })
}

function createNow(matches: readonly RouteMatch[]): Cohort['now'] {
  let found: Members | undefined
  let at = 0
  return (version) => {
    if (found && at === version) return found
    at = version
    found = {
      connected: matches.filter(({ session }) => session.link !== null),
      away: matches.filter(({ session }) => session.link === null && !session.isClosed),
      bundled: null,
    }
    return found
  }
}
