import { includes, overlaps } from '../topic/match.ts'
import { fillIn, filterOf } from './fill-in.ts'
import { ignoredFrom } from './lines.ts'
import { quote } from './quote.ts'
import type { Rule } from './rule.ts'
import { type AclRules, type RuleSet, textOf } from './rules.ts'
import type { UserLine } from './statement.ts'
import type { Warning, WarningCode } from './warning.ts'

/** The `topic` lines below one `user` line; `user` is null for those above the first. */
export interface SectionLines {
  readonly user: UserLine | null
  readonly topics: Rule[]
}

/** What is worth a second look in how the lines of a file without errors stand to each other. */
export function* fileWarnings(
  rules: AclRules,
  sections: readonly SectionLines[],
): Generator<Warning> {
  const { file, patterns } = rules
  if (rules.size === 0)
    yield { line: 1, at: 0, code: 'no_rules', message: 'a file without rules denies everything' }
  const ignored = ignoredFrom(file)
  if (ignored !== null) yield ignoredWarning(file, ignored)
  yield* sectionWarnings(file, sections)
  for (const [, own] of rules.users) yield* shadowWarnings(rules, [...own.rules])
  for (const set of [rules.anonymous, patterns])
    yield* shadowWarnings(rules, [...(set?.rules ?? [])])
  yield* outrankedWarnings(rules)
}

type UserRules = readonly [string, RuleSet]

// enough for any file written by hand; a generated one is not worth minutes
const MOST_COMPARISONS = 2_000_000

function ignoredWarning(file: Buffer, at: number): Warning {
  const line = file.subarray(0, at).toString('latin1').split('\n').length
  const message =
    'Mosquitto and the gateway both ignore this line: because of its length, this last line needs a line end'
  return { line, at, code: 'last_line_ignored', message }
}

function* sectionWarnings(file: Buffer, sections: readonly SectionLines[]): Generator<Warning> {
  const seen = new Map<string, number>()
  for (const { user, topics } of sections) {
    const [first] = topics
    if (!user) {
      const message =
        'is above the first "user" line, so it applies only to clients without a name, and every client of the gateway has a name'
      if (first) yield { line: first.line, at: first.start, code: 'anonymous_unused', message }
      continue
    }
    const { line, name: at, end } = user
    const warning = (code: WarningCode, message: string): Warning => ({ line, at, code, message })
    const shown = quote(file.toString('utf8', at, end))
    const name = file.toString('latin1', at, end)
    const before = seen.get(name)
    if (before !== undefined)
      yield warning(
        'user_repeated',
        `${shown} also has lines below line ${before}: all of them apply`,
      )
    else seen.set(name, line)
    if (!first)
      yield warning(
        'user_without_topics',
        `there is no topic line for ${shown}: a topic line belongs to the last "user" line before it`,
      )
  }
}

function* shadowWarnings(rules: AclRules, set: readonly Rule[]): Generator<Warning> {
  const levels = (rule: Rule) => filterOf(rules, rule).split('/')
  const denies = set.filter(({ right }) => right === 'deny')
  if (denies.length * set.length > MOST_COMPARISONS) return
  const denied = denies.map((rule) => ({ rule, levels: levels(rule) }))
  for (const rule of denies.length > 0 ? set : []) {
    if (rule.right === 'deny') continue
    const own = levels(rule)
    const stronger = denied.find((deny) => includes(deny.levels, own))
    if (!stronger) continue
    const message = `has no effect: line ${stronger.rule.line}, ${quote(textOf(rules, stronger.rule))}, denies everything that it allows`
    yield { line: rule.line, at: rule.filter, code: 'shadowed', message }
  }
}

function* outrankedWarnings(rules: AclRules): Generator<Warning> {
  const denies = [...(rules.patterns?.rules ?? [])].filter(({ right }) => right === 'deny')
  if (denies.length === 0 || denies.length * rules.size > MOST_COMPARISONS) return
  const users = usersInOrder(rules)
  for (const deny of denies) {
    const stronger = firstAbove(rules, users, deny)
    if (!stronger) continue
    const message = `does not override the lines of a user, such as line ${stronger.line}, ${quote(textOf(rules, stronger))}`
    yield { line: deny.line, at: deny.filter, code: 'deny_outranked', message }
  }
}

/** The users with their rules in the order of the file. A list, because the rules are made again for each loop over `users`. */
function usersInOrder({ users }: AclRules): UserRules[] {
  const line = ([, { rules }]: UserRules) => rules.at(0)?.line ?? 0
  return [...users].sort((a, b) => line(a) - line(b))
}

/** The first own rule that allows something which the pattern `deny` denies the same user. */
function firstAbove(rules: AclRules, users: readonly UserRules[], deny: Rule): Rule | null {
  // a client id may be anything
  const pattern = filterOf(rules, deny).replace(/[^/]*%c[^/]*/g, '+')
  const stronger = (user: string | null, set: RuleSet | null) => {
    const text = fillIn(pattern, { user, clientId: '' })
    if (text === null || !set) return undefined
    return Iterator.from(set.rules).find(
      (rule) => rule.right !== 'deny' && overlaps(text, filterOf(rules, rule)),
    )
  }
  for (const [user, own] of users) {
    const rule = stronger(user, own)
    if (rule) return rule
  }
  return stronger(null, rules.anonymous) ?? null
}
