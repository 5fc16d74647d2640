import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import { grantsOf } from '../acl/grants.ts'
import { type Action, permits } from '../acl/rule.ts'
import type { AclRules } from '../acl/rules.ts'
import { namedAt } from '../log/named.ts'
import { includes } from '../topic/match.ts'
import type { Present } from './clients.ts'

/** Most log lines for one change of the file, and most rights that a line names. */
const MOST_LINES = 100
const MOST_NAMED = 10
/** Clients that are compared in one turn of the event loop. */
const COMPARED_A_TURN = 10

/** Logs which rights each connected client loses by the new rules: filters that were allowed before, and filters that are denied now. */
export async function logLostRights(
  present: Pick<Present, 'sessions' | 'hub' | 'connections'>,
  before: AclRules,
  after: AclRules,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  let [lines, compared] = [0, 0]
  for (const { door, id, clientId } of whoIsHere(present)) {
    compared += 1
    if (compared % COMPARED_A_TURN === 0) await setImmediate()
    const who = { user: id, clientId }
    const lost = lostBetween(grantsOf(before, who).rules, grantsOf(after, who).rules)
    if (lost.length === 0) continue
    lines += 1
    if (lines > MOST_LINES) continue
    const more = lost.length > MOST_NAMED ? { more: lost.length - MOST_NAMED } : {}
    log.warn(
      { ...namedAt(door, id), lost: lost.slice(0, MOST_NAMED), ...more },
      'has lost rights with the new access control file',
    )
  }
  if (lines > MOST_LINES)
    log.warn(
      { count: lines - MOST_LINES },
      'others have also lost rights with the new access control file',
    )
}

interface Here {
  readonly door: string
  readonly id: string
  readonly clientId: string
}

/** Each device and viewer once. */
function* whoIsHere({
  sessions,
  hub,
  connections,
}: Parameters<typeof logLostRights>[0]): Generator<Here> {
  const seen = new Set<string>()
  for (const here of everybody()) {
    const key = here.door === 'viewer' ? `viewer ${here.id}` : here.id
    if (seen.has(key)) continue
    seen.add(key)
    yield here
  }

  function* everybody(): Generator<Here> {
    for (const { device, clientId } of sessions.all()) yield { door: 'mqtt', id: device, clientId }
    for (const { from } of hub.readers()) yield { door: from.door, id: from.id, clientId: from.id }
    for (const { door, id } of connections.all()) yield { door, id, clientId: id }
  }
}

type Granted = ReturnType<typeof grantsOf>['rules']

/** Comparisons of filters for one device; beyond them a right that only a wider filter covers counts as lost. */
const MOST_COMPARISONS = 20_000

/** As `ACTION FILTER`, or `deny FILTER` for a line that takes something back. */
function lostBetween(before: Granted, after: Granted): string[] {
  const lost: string[] = []
  let left = MOST_COMPARISONS
  const isIncluded = (wider: readonly string[], levels: readonly string[]) =>
    left-- > 0 && includes(wider, levels)
  for (const action of ['publish', 'receive'] as const) {
    const kept = topicsFor(after, action)
    const same = new Set(kept)
    const wider = kept.map((topic) => topic.split('/'))
    for (const topic of topicsFor(before, action)) {
      const levels = topic.split('/')
      if (!same.has(topic) && !wider.some((one) => isIncluded(one, levels)))
        lost.push(`${action} ${topic}`)
    }
  }
  const denied = new Set(before.filter(isDeny).map(({ topic }) => topic))
  for (const { topic } of after.filter(isDeny)) if (!denied.has(topic)) lost.push(`deny ${topic}`)
  return lost
}

function topicsFor(rules: Granted, action: Action): string[] {
  return rules.filter(({ access }) => permits(access, action)).map(({ topic }) => topic)
}

function isDeny({ access }: Granted[number]): boolean {
  return access === 'deny'
}
