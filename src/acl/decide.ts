import { topicMatches } from '../topic/match.ts'
import { hasWildcard } from '../topic/topic.ts'
import { covers, type Names, toNames } from './covers.ts'
import { type Action, permits, type Rule } from './rule.ts'
import { type AclRules, ownRules, patternsFor, type RuleSet, textOf, type Who } from './rules.ts'
import { strongestOf } from './table-search.ts'
import { type TopicBytes, toTopicBytes } from './topic-bytes.ts'

/** Whether an action is allowed, and the line of the ACL file that decides. */
export interface Verdict {
  readonly allowed: boolean
  /** The line that decided, from 1, and its text; null when no line did. */
  readonly line: number | null
  readonly rule: string | null
}

const NO_RULE: Verdict = Object.freeze({ allowed: false, line: null, rule: null })

/** The answer that Mosquitto 2.0 would give. When several lines decide the same, the first of them is named. */
export function decide(rules: AclRules, who: Who, action: Action, topic: string): Verdict {
  const rule = decidingRule(rules, who, action, topic)
  if (!rule) return NO_RULE
  return { allowed: rule.right !== 'deny', line: rule.line, rule: textOf(rules, rule) }
}

/** As `decide`, for callers that need only the answer. */
export function isAllowed(rules: AclRules, who: Who, action: Action, topic: string): boolean {
  const rule = decidingRule(rules, who, action, topic)
  return rule !== null && rule.right !== 'deny'
}

/** The rule that allows or denies, or null where everything is denied for want of one. */
function decidingRule(rules: AclRules, who: Who, action: Action, topic: string): Rule | null {
  if (isReserved(action, topic) || !isTopic(topic)) return null
  const asked = toTopicBytes(topic)
  const own = ownRules(rules, who)
  const ownRule = own && strongest(rules, own, asked, action, null)
  if (ownRule) return ownRule
  const patterns = patternsFor(rules, who)
  return patterns && strongest(rules, patterns, asked, action, toNames(who))
}

/** Every rule that covers `topic` and would be asked: own rules, then patterns, each in the order of the file. */
export function coveringRules(rules: AclRules, who: Who, topic: string): Rule[] {
  const asked = toTopicBytes(topic)
  const names = toNames(who)
  const own = ownRules(rules, who)?.rules ?? []
  const patterns = patternsFor(rules, who)?.rules ?? []
  return [
    ...Iterator.from(own).filter((rule) => covers(rules.file, rule, asked, null)),
    ...Iterator.from(patterns).filter((rule) => covers(rules.file, rule, asked, names)),
  ]
}

/** All below $SYS that a rule can open to publishers. */
export const BRIDGE_STATE = '$SYS/broker/connection/+/state'

/** Names that no rule can open, tested on the prefix and not on the level, as Mosquitto does. */
export function isReserved(action: Action, topic: string): boolean {
  if (topic.startsWith('$share')) return true
  return action === 'publish' && topic.startsWith('$SYS') && !topicMatches(BRIDGE_STATE, topic)
}

/** Whether it is a topic name at all: a filter that is passed as a topic must not be allowed by "#". */
export function isTopic(topic: string): boolean {
  return topic !== '' && !hasWildcard(topic) && topic.isWellFormed()
}

function strongest(
  { file }: AclRules,
  set: RuleSet,
  topic: TopicBytes,
  action: Action,
  names: Names | null,
): Rule | null {
  let best: Rule | null = null
  if (set.tables)
    for (const table of set.tables)
      best = stronger(best, strongestOf(table, { file, topic, names }, action))
  else
    for (const rule of set.rules) {
      if (rule.right !== 'deny' && (best || !permits(rule.right, action))) continue
      if (covers(file, rule, topic, names)) best = stronger(best, rule)
    }
  return best
}

/** A `deny` before a rule that allows, and of two alike the first in the file. */
function stronger(a: Rule | null, b: Rule | null): Rule | null {
  if (!a || !b) return a ?? b
  const denies = a.right === 'deny'
  if (denies !== (b.right === 'deny')) return denies ? a : b
  return a.line < b.line ? a : b
}
