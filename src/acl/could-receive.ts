import { intersection, overlaps } from '../topic/match.ts'
import { both, membersOf } from './bits.ts'
import { isAllowed } from './decide.ts'
import { fillIn, filterOf } from './fill-in.ts'
import { permits, type Rule } from './rule.ts'
import { type AclRules, ownRules, patternsFor, type RuleSet, type Who } from './rules.ts'
import { overlappingIn } from './table-search.ts'
import { EFFORT_OF_RULE } from './to-tables.ts'

// in the measure of the effort of a rule set: some milliseconds' worth
const MOST_EFFORT = 400_000

/**
 * Whether `who` may receive any of the topics that `filters`, valid ones, cover. Never wrongly false. Wrongly true
 * only where hundreds of lines allow what as many deny, or where patterns fill some hundred kilobytes: sorting that
 * out is given up before it holds up everybody else, and each message is decided by itself anyway.
 */
export function couldReceive(rules: AclRules, who: Who, filters: readonly string[]): boolean {
  const work = { effort: 0 }
  return filters.some((filter) => couldReceiveOne(rules, who, filter, work))
}

function couldReceiveOne(
  rules: AclRules,
  who: Who,
  filter: string,
  work: { effort: number },
): boolean {
  const own = ownRules(rules, who)
  const patterns = patternsFor(rules, who)
  const askedLevels = filter.split('/')
  work.effort += EFFORT_OF_RULE + (own?.tables ? own.effort : 0) + 4 * filter.length
  const decisionEffort = (own?.effort ?? 0) + (patterns?.effort ?? 0)
  let deepestDeny: number | undefined

  const opens = (text: string): boolean => {
    // most do not overlap, and are not worth dividing into levels
    const common = overlaps(filter, text) ? intersection(askedLevels, text.split('/')) : null
    if (common === null) return false
    deepestDeny ??= deepest(own, patterns, who)
    for (const topic of witnesses(common, deepestDeny)) {
      if (work.effort > MOST_EFFORT || isAllowed(rules, who, 'receive', topic)) return true
      // a long topic is searched for the names in it, too
      work.effort += decisionEffort + 4 * topic.length
    }
    return false
  }

  for (const rule of own ? overlapping(own, askedLevels) : []) {
    work.effort += EFFORT_OF_RULE + rule.end - rule.filter
    if (work.effort > MOST_EFFORT) return true
    if (opens(filterOf(rules, rule))) return true
  }
  for (const rule of patterns?.rules ?? []) {
    work.effort += EFFORT_OF_RULE + 4 * (rule.end - rule.filter)
    if (work.effort > MOST_EFFORT) return true
    if (!permits(rule.right, 'receive')) continue
    const text = fillIn(filterOf(rules, rule), who)
    if (text === null) continue
    work.effort += text.length
    if (opens(text)) return true
  }
  return false
}

/** Own rules that let topics be received, among them all that cover some topic which the filter that is asked covers too. */
function* overlapping({ rules, tables }: RuleSet, askedLevels: readonly string[]): Generator<Rule> {
  if (!tables) {
    for (const rule of rules) if (permits(rule.right, 'receive')) yield rule
    return
  }
  const levels = askedLevels.map((level) => Buffer.from(level))
  for (const table of tables)
    for (const place of membersOf(both(overlappingIn(table, levels), table.receives))) {
      const rule = table.rules.at(place)
      if (rule) yield rule
    }
}

// no broker takes a topic of more
const MAX_LEVELS = 201

/** Levels of the deepest `deny` that is asked, or more: names may bring levels. */
function deepest(own: RuleSet | null, patterns: RuleSet | null, { user, clientId }: Who): number {
  const inPatterns = patterns?.deepestDeny ?? 0
  if (inPatterns > 0 && `${user}${clientId}`.includes('/')) return MAX_LEVELS
  return Math.max(own?.deepestDeny ?? 0, inPatterns)
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
  const fewest = Math.max(fixed.length, 1)
  for (let levels = Math.max(fewest, deepestDeny) + 1; levels >= fewest; levels--)
    yield [...fixed, ...Array<string>(levels - fixed.length).fill(ANY_LEVEL)].join('/')
}
