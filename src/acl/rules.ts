import { hasWildcard } from '../topic/topic.ts'
import type { Bits } from './bits.ts'

export type Action = 'publish' | 'receive'
/** The word between `topic` or `pattern` and the filter; `readwrite` where there is none. */
export type Right = 'read' | 'write' | 'readwrite' | 'deny'

/** Who asks. A client without a name has no user name or an empty one; an empty client id is an unknown one. */
export interface Who {
  readonly user: string | null
  readonly clientId: string
}

/** One `topic` or `pattern` line as a place in the file, offsets in bytes. */
export interface Rule {
  readonly line: number
  readonly right: Right
  /** Where the line's text begins, without leading spaces. */
  readonly start: number
  /** Where its filter begins. */
  readonly filter: number
  /** Where filter and text end, without trailing blanks. */
  readonly end: number
}

/** The rules of one user, those of clients without a name, or the patterns. */
export interface RuleSet {
  /** In the order of the file. */
  readonly rules: readonly Rule[]
  /** The same rules to be asked all at once, where they are too many to try each. */
  readonly tables: readonly Table[] | null
  /** What one decision may have to look at, whatever the topic and the names: bytes, or 32 rules' bits. */
  readonly effort: number
  /** Levels of the deepest `deny`, before names are put in; 0 where there is none. */
  readonly deepestDeny: number
}

/**
 * Rules to be asked all at once: for each level, which of them say what there. In the sets a rule is its place in
 * `rules`. All have the same names in the same levels, so that a level of theirs is the same level of a topic.
 */
export interface Table {
  /** In the order of the file. */
  readonly rules: readonly Rule[]
  readonly columns: readonly Column[]
  readonly all: Bits
  readonly denies: Bits
  readonly publishes: Bits
  readonly receives: Bits
  /** Those that begin with "$". */
  readonly dollars: Bits
  readonly deepestDeny: number
}

/** One level of the rules of a table, or what comes after the last. */
export interface Column {
  /** Rules that have such a level, other than "#". */
  readonly any: Bits
  readonly plus: Bits
  /** By the level as `keyOf` gives it. */
  readonly literals: ReadonlyMap<string, Bits>
  /** Levels of patterns that names are put in. */
  readonly parts: ReadonlyMap<string, PatternPart>
  /** How often each part holds a name. */
  readonly names: NamesHeld
  /** Rules that end before this level. */
  readonly ended: Bits
  /** Rules that have "#" here. */
  readonly rest: Bits
  /** The length of the longest set in `literals`. */
  readonly mostAlike: number
  /** What the parts that one level of a topic may be can cost. */
  readonly partsEffort: number
}

export interface PatternPart {
  /** Where the first of them stands in the file. */
  readonly filter: number
  readonly end: number
  readonly bits: Bits
}

export interface NamesHeld {
  readonly users: number
  readonly clientIds: number
}

/** The users that have rules, in the order of their names. */
export interface Users extends Iterable<readonly [string, RuleSet]> {
  readonly size: number
  /** The one whose decisions may cost most; null where there is none. */
  readonly slowest: RuleSet | null
  get(user: string): RuleSet | null
}

/** What one ACL file says: never changed, only replaced. */
export interface AclRules {
  /** Another one for each file that was read: what was decided by it can be told from what is old without holding on to it. */
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

/** Whether `right` lets `action` happen. */
export function permits(right: Right, action: Action): boolean {
  return right === 'readwrite' || right === (action === 'publish' ? 'write' : 'read')
}

/** The line as it stands in the file, without outer blanks; bytes that are not UTF-8 show as U+FFFD. */
export function textOf({ file }: AclRules, rule: Rule): string {
  return file.toString('utf8', rule.start, rule.end)
}

/** `who`'s own rules: never the anonymous ones for a client with a name. */
export function ownRules(rules: AclRules, { user }: Who): RuleSet | null {
  return user ? rules.users.get(user) : rules.anonymous
}

/** The patterns, if they are asked at all: not for a name that would bring a wildcard into them. */
export function patternsFor(rules: AclRules, who: Who): RuleSet | null {
  return bringsWildcard(who) ? null : rules.patterns
}

export function bringsWildcard({ user, clientId }: Who): boolean {
  return hasWildcard(clientId) || (user !== null && hasWildcard(user))
}
