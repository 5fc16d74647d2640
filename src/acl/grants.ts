import { fillIn, filterOf } from './fill-in.ts'
import { type AclRules, ownSection, patternsFor, type Right, type Who } from './rules.ts'

export interface Grant {
  readonly access: Right
  readonly topic: string
}

export interface Grants {
  readonly rules: readonly Grant[]
  /** How many lines more there are, patterns that do not hold for these names among them. */
  readonly omitted: number
}

// of those that are listed, own rules and patterns each
const MOST_RULES = 1000

/** What `who` may do, in the order of asking: own rules, then the patterns that hold for these names, filled in. */
export function grantsOf(rules: AclRules, who: Who): Grants {
  const own = ownSection(rules, who)?.rules ?? []
  const patterns = patternsFor(rules, who)?.rules ?? []
  const granted = own
    .slice(0, MOST_RULES)
    .map((rule): Grant => ({ access: rule.right, topic: filterOf(rules, rule) }))
  for (const rule of patterns.slice(0, MOST_RULES)) {
    const topic = fillIn(filterOf(rules, rule), who)
    if (topic !== null) granted.push({ access: rule.right, topic })
  }
  const beyond = (list: readonly unknown[]) => Math.max(0, list.length - MOST_RULES)
  return { rules: granted, omitted: beyond(own) + beyond(patterns) }
}
