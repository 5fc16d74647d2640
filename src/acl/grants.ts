import { fillIn, filterOf } from './fill-in.ts'
import type { Right } from './rule.ts'
import { type AclRules, ownRules, patternsFor, type Who } from './rules.ts'

/** One right of a client; `topic` is a filter, without `%u` and `%c`. */
export interface Grant {
  readonly access: Right
  readonly topic: string
}

/** The rights of a client, as `/whoami` shows them. */
export interface Grants {
  readonly rules: readonly Grant[]
  /** How many lines more there are, patterns that do not hold for these names among them. */
  readonly omitted: number
}

const MOST_RULES = 1000
// names make filters longer than they are in the file
const MOST_CHARACTERS = 256 * 1024

/** What `who` may do, in the order of asking: own rules, then the patterns that hold for these names, filled in. */
export function grantsOf(rules: AclRules, who: Who): Grants {
  const own = ownRules(rules, who)?.rules ?? []
  const patterns = patternsFor(rules, who)?.rules ?? []
  const granted: Grant[] = []
  let characters = 0
  let seen = 0
  const isFull = () => granted.length === MOST_RULES || characters > MOST_CHARACTERS
  for (const [list, isPattern] of [
    [own, false],
    [patterns, true],
  ] as const)
    for (const rule of list) {
      // a pattern that does not hold costs a look, too
      if (isFull() || seen === 10 * MOST_RULES) break
      seen += 1
      const filter = filterOf(rules, rule)
      const topic = isPattern ? fillIn(filter, who) : filter
      if (topic === null) continue
      granted.push({ access: rule.right, topic })
      characters += topic.length
    }
  return { rules: granted, omitted: own.length + patterns.length - seen }
}
