import { createIntegers } from './integers.ts'
import { createRuleList } from './rule-list.ts'
import type { Rule } from './rules.ts'
import type { Steps } from './steps.ts'

/** What is below each `user` line of a file, in its order: a section. A user may have several. Sections without rules are left out. */
export interface UserSections {
  readonly length: number
  /** Begins the section of the user whose name is there in the file. */
  begin(name: number, end: number): void
  push(rule: Rule): void
  nameOf(section: number): string
  /** Compares a section's name with `text` from `from` to `to`, by bytes. */
  compareName(section: number, text: Buffer, from: number, to: number): number
  compareNames(a: number, b: number): number
  addRules(section: number, to: Rule[]): Steps<void>
}

const RULES_A_STEP = 256

export function createUserSections(file: Buffer): UserSections {
  const rules = createRuleList()
  const names = createIntegers()
  const ends = createIntegers()
  const firsts = createIntegers()
  let begun: { readonly name: number; readonly end: number } | null = null

  function compareName(section: number, text: Buffer, from: number, to: number): number {
    const name = names.at(section)
    const length = ends.at(section) - name
    const common = Math.min(length, to - from)
    for (let at = 0; at < common; at++) {
      const difference = (file[name + at] as number) - (text[from + at] as number)
      if (difference !== 0) return difference
    }
    return length - (to - from)
  }

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
    compareName,
    compareNames: (a, b) => compareName(a, file, names.at(b), ends.at(b)),
    *addRules(section, to) {
      const end = section + 1 < firsts.length ? firsts.at(section + 1) : rules.length
      for (let rule = firsts.at(section); rule < end; rule++)
        if (to.push(rules.at(rule)) % RULES_A_STEP === 0) yield
    },
  }
}
