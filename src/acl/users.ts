import { createIntegers } from './integers.ts'
import type { Rule, RuleSet, Users } from './rules.ts'
import { toSection } from './section.ts'
import { sorted } from './sort.ts'
import { finish, type Steps } from './steps.ts'
import type { UserSections } from './user-sections.ts'

const USERS_A_STEP = 64

/** Finds users among their sections, which are sorted by name here. Only many rules of one user are kept as objects. */
export function* toUsers(file: Buffer, sections: UserSections): Steps<Users> {
  const order = yield* sorted(sections.length, sections.compareNames)
  // of each user: the place in `order` of its first section
  const places = createIntegers()
  for (const [place, section] of order.entries()) {
    if (place === 0 || sections.compareNames(order[place - 1] as number, section) !== 0)
      places.push(place)
    if (place % USERS_A_STEP === 0) yield
  }
  const sectionOf = (user: number) => order[places.at(user)] as number

  const tabled = new Map<number, RuleSet>()
  let slowest: RuleSet | null = null
  for (let user = 0; user < places.length; user++) {
    const set = yield* setOf(user)
    if (set.tables) tabled.set(user, set)
    if (set.effort > (slowest?.effort ?? 0)) slowest = set
    if (user % USERS_A_STEP === 0) yield
  }

  function* setOf(user: number): Steps<RuleSet> {
    const rules: Rule[] = []
    const end = user + 1 < places.length ? places.at(user + 1) : order.length
    for (let place = places.at(user); place < end; place++)
      yield* sections.addRules(order[place] as number, rules)
    return yield* toSection(file, rules, false)
  }

  const readySetOf = (user: number) => tabled.get(user) ?? finish(setOf(user))

  return {
    size: places.length,
    slowest,
    get(name) {
      // such a name would be encoded as U+FFFD, which another user may have
      if (!name.isWellFormed()) return null
      const wanted = Buffer.from(name)
      let low = 0
      let high = places.length
      while (low < high) {
        const middle = (low + high) >>> 1
        const order = sections.compareName(sectionOf(middle), wanted, 0, wanted.length)
        if (order === 0) return readySetOf(middle)
        if (order < 0) low = middle + 1
        else high = middle
      }
      return null
    },
    *[Symbol.iterator]() {
      for (let user = 0; user < places.length; user++)
        yield [sections.nameOf(sectionOf(user)), readySetOf(user)] as const
    },
  }
}
