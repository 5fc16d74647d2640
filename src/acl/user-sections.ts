import { createIntegers } from './integers.ts'
import type { Rule } from './rule.ts'
import { createRuleList } from './rule-list.ts'
import type { Steps } from './steps.ts'

/**
 * The sections of a file, numbered in its order. A section is the `topic` lines below one `user` line; a user may have several.
 * Sections without rules are left out.
 */
export interface UserSections {
  readonly length: number
  /** Begins a section. The name of its user is in the file from `name` to `end`. */
  begin(name: number, end: number): void
  /** Adds a rule to the section that was begun last. */
  push(rule: Rule): unknown
  /** The name of the section's user. */
  nameOf(section: number): string
  /** Bytes of the name of the section's user. */
  nameLength(section: number): number
  /** Compares the name of the section's user with `name` by bytes: negative if it comes first. */
  compareName(section: number, name: Buffer): number
  /** Compares the names of two sections in the same way. */
  compareNames(a: number, b: number): number
  /** How many rules the section has. */
  count(section: number): number
  /** Adds the rules of a section to `to`. */
  addRules(section: number, to: { push(rule: Rule): unknown }): Steps<void>
}

const RULES_A_STEP = 256
/** For shorter names a loop takes half as long as Buffer#compare, for long ones ten times as long. */
const SHORT_NAME = 64

export function createUserSections(file: Buffer): UserSections {
  const rules = createRuleList()
  const names = createIntegers()
  const ends = createIntegers()
  const firsts = createIntegers()
  let begun: { readonly name: number; readonly end: number } | null = null

  function compare(section: number, text: Buffer, from: number, to: number): number {
    const name = names.at(section)
    const length = ends.at(section) - name
    const common = Math.min(length, to - from)
    const short = Math.min(common, SHORT_NAME)
    for (let at = 0; at < short; at++) {
      const difference = (file[name + at] as number) - (text[from + at] as number)
      if (difference !== 0) return difference
    }
    if (common > short) {
      const difference = file.compare(
        text,
        from + short,
        from + common,
        name + short,
        name + common,
      )
      if (difference !== 0) return difference
    }
    return length - (to - from)
  }

  const afterLast = (section: number) =>
    section + 1 < firsts.length ? firsts.at(section + 1) : rules.length

  return {
    get length() {
      return names.length
    },
    begin(name, end) {
      begun = { name, end }
    },
    push(rule) {
      if (begun) {
        names.push(begun.name)
        ends.push(begun.end)
        firsts.push(rules.length)
        begun = null
      }
      rules.push(rule)
    },
    nameOf: (section) => file.toString('utf8', names.at(section), ends.at(section)),
    nameLength: (section) => ends.at(section) - names.at(section),
    compareName: (section, name) => compare(section, name, 0, name.length),
    compareNames: (a, b) => compare(a, file, names.at(b), ends.at(b)),
    count: (section) => afterLast(section) - firsts.at(section),
    *addRules(section, to) {
      const end = afterLast(section)
      for (let rule = firsts.at(section); rule < end; rule++) {
        to.push(rules.at(rule) as Rule)
        if (rule % RULES_A_STEP === 0) yield
      }
    },
  }
}
