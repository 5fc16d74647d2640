import { SLASH } from './ascii.ts'
import type { Rule } from './rule.ts'
import type { RuleSet } from './rules.ts'
import type { Steps } from './steps.ts'
import { EFFORT_OF_RULE, effortOf, toTables } from './to-tables.ts'

const FEW = 16
const FEW_BYTES = 16_384

/** The rules made ready to be asked, in steps. */
export function* toRuleSet(
  file: Buffer,
  rules: readonly Rule[],
  arePatterns: boolean,
): Steps<RuleSet> {
  if (rules.length <= FEW) {
    const effort = rules.reduce((sum, { filter, end }) => sum + EFFORT_OF_RULE + end - filter, 0)
    if (effort <= FEW_BYTES)
      return { rules, tables: null, effort, deepestDeny: deepestDeny(file, rules) }
  }
  const tables = yield* toTables(file, rules, arePatterns)
  return {
    rules,
    tables,
    effort: tables.reduce((sum, table) => sum + effortOf(table), 0),
    deepestDeny: tables.reduce((most, table) => Math.max(most, table.deepestDeny), 0),
  }
}

function deepestDeny(file: Buffer, rules: readonly Rule[]): number {
  let most = 0
  for (const { right, filter, end } of rules) {
    if (right !== 'deny') continue
    let levels = 1
    for (let at = filter; at < end; at++) if (file[at] === SLASH) levels += 1
    most = Math.max(most, levels)
  }
  return most
}
