import { SLASH } from './ascii.ts'
import type { Rules } from './rule.ts'
import type { RuleSet } from './rules.ts'
import type { Steps } from './steps.ts'
import { EFFORT_OF_RULE, effortOf, toTables } from './to-tables.ts'

/** So many rules are tried one after the other, and are kept as objects. */
export const FEW = 16
const FEW_BYTES = 16_384

/** The rules made ready to be asked, in steps. */
export function* toRuleSet(file: Buffer, rules: Rules, arePatterns: boolean): Steps<RuleSet> {
  if (rules.length <= FEW) {
    let effort = 0
    for (const { filter, end } of rules) effort += EFFORT_OF_RULE + end - filter
    if (effort <= FEW_BYTES)
      return { rules: toArray(rules), tables: null, effort, deepestDeny: deepestDeny(file, rules) }
  }
  const tables = yield* toTables(file, rules, arePatterns)
  return {
    rules,
    tables,
    effort: tables.reduce((sum, table) => sum + effortOf(table), 0),
    deepestDeny: tables.reduce((most, table) => Math.max(most, table.deepestDeny), 0),
  }
}

/** A list would make new objects for each decision. */
function toArray(rules: Rules): Rules {
  return Array.isArray(rules) ? rules : [...rules]
}

function deepestDeny(file: Buffer, rules: Rules): number {
  let most = 0
  for (const { right, filter, end } of rules) {
    if (right !== 'deny') continue
    let levels = 1
    for (let at = filter; at < end; at++) if (file[at] === SLASH) levels += 1
    most = Math.max(most, levels)
  }
  return most
}
