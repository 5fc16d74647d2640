import { fillIn, filterOf } from './fill-in.ts'
import { type AclRules, ownSection, patternsFor, type Right, type Who } from './rules.ts'

export interface Grant {
  readonly access: Right
  readonly topic: string
}

/** What `who` may do, in the order of asking: own rules, then the patterns that hold for these names, filled in. */
export function grantsOf(rules: AclRules, who: Who): Grant[] {
  const own = ownSection(rules, who)?.rules ?? []
  const grants = own.map((rule): Grant => ({ access: rule.right, topic: filterOf(rules, rule) }))
  for (const rule of patternsFor(rules, who)?.rules ?? []) {
    const topic = fillIn(filterOf(rules, rule), who)
    if (topic !== null) grants.push({ access: rule.right, topic })
  }
  return grants
}
