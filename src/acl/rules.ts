import { hasWildcard } from '../topic/topic.ts'
import type { Rule, Rules } from './rule.ts'
import type { Table } from './table.ts'

/** Who asks. A client without a name has no user name or an empty one; an empty client id is an unknown one. */
export interface Who {
  readonly user: string | null
  readonly clientId: string
}

/** The rules of one user, those of clients without a name, or the patterns. */
export interface RuleSet {
  readonly rules: Rules
  /** The same rules as tables; null where they are few enough to try each. */
  readonly tables: readonly Table[] | null
  /** The most that one decision compares, for any topic and names: bytes, or sets of 32 rules. */
  readonly effort: number
  /** Levels of the deepest `deny`, before names are put in; 0 where there is none. */
  readonly deepestDeny: number
}

/** The users that have rules, in the order of their names. */
export interface Users extends Iterable<readonly [string, RuleSet]> {
  readonly size: number
  /** The rules whose decisions may cost most; null where there are none. */
  readonly slowest: RuleSet | null
  /** Null where the user has no rules. */
  get(user: string): RuleSet | null
}

/** What one ACL file says: never changed, only replaced. */
export interface AclRules {
  /** Different for each file that was read. Whoever remembers verdicts keeps it, and not the rules, which would stay in memory. */
  readonly edition: symbol
  /** A copy of the file; every rule points into it. */
  readonly file: Buffer
  /** Number of `topic` and `pattern` lines. */
  readonly size: number
  /** What clients without a name may do. */
  readonly anonymous: RuleSet | null
  readonly users: Users
  readonly patterns: RuleSet | null
}

/** The line as it stands in the file, without outer blanks; bytes that are not UTF-8 show as U+FFFD. */
export function textOf({ file }: AclRules, rule: Rule): string {
  return file.toString('utf8', rule.start, rule.end)
}

/** `who`'s own rules: never the anonymous ones for a client with a name. */
export function ownRules(rules: AclRules, { user }: Who): RuleSet | null {
  return user ? rules.users.get(user) : rules.anonymous
}

/** The patterns; null for a client whose name or id would bring a wildcard into them. */
export function patternsFor(rules: AclRules, who: Who): RuleSet | null {
  return bringsWildcard(who) ? null : rules.patterns
}

/** Whether a name or a client id has "+" or "#", which would match other topics when put into a pattern. */
export function bringsWildcard({ user, clientId }: Who): boolean {
  return hasWildcard(clientId) || (user !== null && hasWildcard(user))
}
