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
export interface Section {
  /** In the order of the file. */
  readonly rules: readonly Rule[]
  /** The same rules by their leading levels, where they are too many to try each. */
  readonly tree: Branch | null
}

export interface Branch {
  /** Rules to try one by one: few, or not to be told apart by their next level. */
  readonly rules: readonly Rule[]
  /** The others by that level, in Latin-1 so that a key is its bytes; "+" stands under itself. */
  readonly next: ReadonlyMap<string, Branch>
}

/** What one ACL file says: never changed, only replaced. */
export interface AclRules {
  /** A copy of the file; every rule points into it. */
  readonly file: Buffer
  /** Number of `topic` and `pattern` lines. */
  readonly size: number
  /** What clients without a name may do. */
  readonly anonymous: Section | null
  readonly users: ReadonlyMap<string, Section>
  readonly patterns: Section | null
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
export function ownSection(rules: AclRules, { user }: Who): Section | null {
  return user ? (rules.users.get(user) ?? null) : rules.anonymous
}

/** The patterns, if they are asked at all: not for a name that would bring a wildcard into them. */
export function patternsFor(rules: AclRules, who: Who): Section | null {
  return bringsWildcard(who) ? null : rules.patterns
}

export function bringsWildcard({ user, clientId }: Who): boolean {
  return /[+#]/.test(clientId) || (user !== null && /[+#]/.test(user))
}
