import { createIntegers, type Integers } from './integers.ts'
import type { Rule } from './rule.ts'
import { createRuleList, type RuleList } from './rule-list.ts'
import { FEW, toRuleSet } from './rule-set.ts'
import type { RuleSet, Users } from './rules.ts'
import { SORT_STEP_NS, sorted } from './sort.ts'
import { finish, type Steps } from './steps.ts'
import type { UserSections } from './user-sections.ts'

const USERS_A_STEP = 64

/**
 * Finds users among the sections of a file. The rules of a user become objects each time it is asked for; only sets with tables are
 * kept.
 */
export function* toUsers(file: Buffer, sections: UserSections): Steps<Users> {
  const byName = yield* sorted(sections.length, sections.compareNames, (section) =>
    comparisonNs(sections, section),
  )
  const starts = yield* startsOf(byName, sections)
  const size = starts.length
  const tabled = new Map<number, RuleSet>()
  let slowest: RuleSet | null = null
  for (let user = 0; user < size; user++) {
    const set = yield* build(user)
    if (set.tables) tabled.set(user, set)
    if (set.effort > (slowest?.effort ?? 0)) slowest = set
    if (user % USERS_A_STEP === 0) yield
  }

  function* build(user: number): Steps<RuleSet> {
    const end = user + 1 < size ? starts.at(user + 1) : byName.length
    const start = starts.at(user)
    let count = 0
    for (let at = start; at < end && count <= FEW; at++)
      count += sections.count(byName[at] as number)
    const rules: Rule[] | RuleList = count > FEW ? createRuleList() : []
    for (let at = start; at < end; at++) yield* sections.addRules(byName[at] as number, rules)
    return yield* toRuleSet(file, rules, false)
  }

  function firstSectionOf(user: number): number {
    return byName[starts.at(user)] as number
  }

  /** The number of the user with this name; null where it has no rules. */
  function find(name: Buffer): number | null {
    let low = 0
    let high = size
    while (low < high) {
      const middle = (low + high) >>> 1
      const difference = sections.compareName(firstSectionOf(middle), name)
      if (difference === 0) return middle
      if (difference < 0) low = middle + 1
      else high = middle
    }
    return null
  }

  function setOf(user: number): RuleSet {
    return tabled.get(user) ?? finish(build(user))
  }

  return {
    size,
    slowest,
    get(name) {
      // such a name would be encoded as U+FFFD, which another user may have
      if (!name.isWellFormed()) return null
      const user = find(Buffer.from(name))
      return user === null ? null : setOf(user)
    },
    *[Symbol.iterator]() {
      for (let user = 0; user < size; user++)
        yield [sections.nameOf(firstSectionOf(user)), setOf(user)] as const
    },
  }
}

/** For each user, where its sections begin in `byName`. */
function* startsOf(byName: Int32Array, sections: UserSections): Steps<Integers> {
  const starts = createIntegers()
  let ns = 0
  for (const [at, section] of byName.entries()) {
    if (at === 0 || sections.compareNames(byName[at - 1] as number, section) !== 0) starts.push(at)
    ns += SORT_STEP_NS / USERS_A_STEP + comparisonNs(sections, section)
    if (ns > SORT_STEP_NS) {
      ns = 0
      yield
    }
  }
  return starts
}

/** How long comparing the name of a section may take, in nanoseconds: 16 bytes each. */
function comparisonNs(sections: UserSections, section: number): number {
  return sections.nameLength(section) >>> 4
}
