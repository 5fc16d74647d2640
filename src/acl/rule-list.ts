import { createIntegers } from './integers.ts'
import type { Right, Rule, Rules } from './rule.ts'

/** Rules in few bytes each. As objects, 200,000 rules would make V8's garbage collector stop everything for 10 ms or more. */
export interface RuleList extends Rules {
  /** Returns the new length. */
  push(rule: Rule): number
}

const RIGHTS: readonly Right[] = ['read', 'write', 'readwrite', 'deny']
const FIELDS = 5

export function createRuleList(): RuleList {
  const fields = createIntegers()
  const list: RuleList = {
    get length() {
      return fields.length / FIELDS
    },
    push({ line, right, start, filter, end }) {
      fields.push(line)
      fields.push(RIGHTS.indexOf(right))
      fields.push(start)
      fields.push(filter)
      fields.push(end)
      return list.length
    },
    at(index) {
      const first = index * FIELDS
      if (first >= fields.length) return undefined
      return {
        line: fields.at(first),
        right: RIGHTS[fields.at(first + 1)] as Right,
        start: fields.at(first + 2),
        filter: fields.at(first + 3),
        end: fields.at(first + 4),
      }
    },
    *[Symbol.iterator]() {
      for (let index = 0; index < list.length; index++) yield list.at(index) as Rule
    },
  }
  return list
}
