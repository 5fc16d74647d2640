import { isAllowed } from './decide.ts'
import { fillIn, filterOf } from './fill-in.ts'
import { intersection, overlap } from './overlap.ts'
import { type AclRules, grants, ownSection, patternsFor, type Rule, type Who } from './rules.ts'

/**
 * Whether `who` may receive any of the topics that `filter`, a valid one, covers. Never wrongly false. Wrongly true
 * only where hundreds of lines allow what as many deny, or where patterns fill half a megabyte: sorting that out is
 * given up before it holds up everybody else, and each message is decided by itself anyway.
 */
export function couldReceive(rules: AclRules, who: Who, filter: string): boolean {
  const own = ownSection(rules, who)?.rules ?? []
  const patterns = patternsFor(rules, who)?.rules ?? []
  const asked = Buffer.from(filter)
  const askedLevels = filter.split('/')
  let effort = 0
  let denied: Denied | undefined

  const opens = (bytes: Buffer, start: number, end: number): boolean => {
    if (!overlap(asked, bytes, start, end)) return false
    const common = intersection(askedLevels, bytes.toString('utf8', start, end).split('/'))
    denied ??= measure(rules, who, own, patterns)
    for (const topic of witnesses(common, denied.levels)) {
      if (effort > MOST_EFFORT || isAllowed(rules, who, 'receive', topic)) return true
      effort += denied.bytes + topic.length
    }
    return false
  }
  const opensFilledIn = (rule: Rule): boolean => {
    const text = fillIn(filterOf(rules, rule), who)
    effort += rule.end - rule.filter
    if (text === null) return effort > MOST_EFFORT
    const bytes = Buffer.from(text)
    effort += bytes.length
    return effort > MOST_EFFORT || opens(bytes, 0, bytes.length)
  }

  const isReadable = ({ right }: Rule) => grants(right, 'receive')
  return (
    own.some((rule) => isReadable(rule) && opens(rules.file, rule.filter, rule.end)) ||
    patterns.some((rule) => isReadable(rule) && opensFilledIn(rule))
  )
}

// bytes looked at, some milliseconds' worth
const MOST_EFFORT = 1_000_000

interface Denied {
  /** What one decision may have to look at. */
  readonly bytes: number
  /** How many levels the deepest `deny` has. */
  readonly levels: number
}

function measure(
  rules: AclRules,
  who: Who,
  own: readonly Rule[],
  patterns: readonly Rule[],
): Denied {
  let bytes = 0
  let levels = 0
  for (const list of [own, patterns])
    for (const rule of list) {
      bytes += rule.end - rule.filter
      if (rule.right !== 'deny') continue
      const text = filterOf(rules, rule)
      const filled = list === patterns ? fillIn(text, who) : text
      levels = Math.max(levels, filled?.split('/').length ?? 0)
    }
  return { bytes, levels }
}

// no file holds NUL and no name does: only a wildcard covers this level
const ANY_LEVEL = '\0'

/**
 * Topics that stand for all that a filter covers: one for each number of levels that a `deny` can tell apart. What
 * denies such a topic denies every topic of as many levels, so that no other has to be tried.
 */
function* witnesses(filter: readonly string[], deepestDeny: number): Generator<string> {
  const fixed = filter.map((level) => (level === '+' ? ANY_LEVEL : level))
  if (filter.at(-1) !== '#') {
    yield fixed.join('/')
    return
  }
  fixed.pop()
  for (let levels = Math.max(fixed.length, deepestDeny) + 1; levels >= fixed.length; levels--)
    if (levels > 0) yield [...fixed, ...Array(levels - fixed.length).fill(ANY_LEVEL)].join('/')
}
