import { isUtf8 } from 'node:buffer'
import { costOf, MOST_COSTLY_BYTES } from './cost.ts'
import { type AclError, faultAt } from './faults.ts'
import { type Line, linesOf } from './lines.ts'
import type { AclRules, Rule, Section } from './rules.ts'
import { toSection } from './section.ts'
import { parseLine } from './statement.ts'

export type ParsedAcl =
  | { readonly ok: true; readonly rules: AclRules }
  | { readonly ok: false; readonly errors: readonly AclError[] }

/** Reads an ACL file as Mosquitto 2.0 does; one bad line and there are no rules, but every bad line is named. */
export function parseAcl(bytes: Uint8Array): ParsedAcl {
  const steps = parseInSteps(bytes)
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

const BYTES_A_STEP = 64 * 1024
const SECTIONS_A_STEP = 1000

/** The same in steps of a few milliseconds, for a process that has other things to do meanwhile. */
export function* parseInSteps(bytes: Uint8Array): Generator<undefined, ParsedAcl> {
  const file = Buffer.from(bytes)
  const errors: AclError[] = []
  const anonymous = newList()
  const patterns = newList()
  const users = new Map<string, List>()
  const hasNul = file.includes(0)
  let owner: string | null = null
  let own = anonymous
  let size = 0
  let stepsAt = BYTES_A_STEP
  for (const line of linesOf(file)) {
    if (line.start >= stepsAt) {
      yield
      stepsAt = line.start + BYTES_A_STEP
    }
    const error = hasNul && nulFault(file, line)
    const statement = error ? { kind: 'error' as const, error } : parseLine(file, line)
    if (!statement) continue
    if (statement.kind === 'error') errors.push(statement.error)
    else if (statement.kind === 'user') {
      owner = toName(file, statement.name, statement.end)
      const known = owner === null ? undefined : users.get(owner)
      own = known ?? newList()
    } else {
      size += 1
      const { kind, rule } = statement
      const list = kind === 'pattern' ? patterns : own
      const cost = costOf(file, rule, kind === 'pattern')
      if (list.cost <= MOST_COSTLY_BYTES && list.cost + cost > MOST_COSTLY_BYTES)
        errors.push(costFault(file, line, rule))
      list.cost += cost
      if (list.rules.push(rule) === 1 && list === own && owner !== null) users.set(owner, own)
    }
  }
  if (errors.length > 0) return { ok: false, errors }

  const sections = new Map<string, Section>()
  for (const [name, { rules }] of users) {
    sections.set(name, yield* toSection(file, rules.slice(), false))
    if (sections.size % SECTIONS_A_STEP === 0) yield
  }
  return {
    ok: true,
    rules: {
      file,
      size,
      anonymous: anonymous.rules.length > 0 ? yield* toSection(file, anonymous.rules, false) : null,
      users: sections,
      patterns: patterns.rules.length > 0 ? yield* toSection(file, patterns.rules, true) : null,
    },
  }
}

/** The rules of one section while they are read, and what they cost. */
interface List {
  readonly rules: Rule[]
  cost: number
}

function newList(): List {
  return { rules: [], cost: 0 }
}

// a name that is not UTF-8 is nobody's: decoded, it could be taken for another one
function toName(file: Buffer, start: number, end: number): string | null {
  return isUtf8(file.subarray(start, end)) ? file.toString('utf8', start, end) : null
}

function costFault(file: Buffer, line: Line, rule: Rule): AclError {
  const message =
    `the wildcards, names and long filters up to here take more than ${MOST_COSTLY_BYTES} bytes, and every message would ` +
    'wait while they are tried: write topics without wildcards, or divide the rights between users'
  return faultAt(file, line, rule.filter, 'rules_too_costly', message)
}

function nulFault(file: Buffer, line: Line): AclError | null {
  const at = file.subarray(line.start, line.end).indexOf(0)
  if (at === -1) return null
  const message =
    'holds a NUL byte, where Mosquitto would stop reading: save the file as UTF-8 text'
  return faultAt(file, line, line.start + at, 'nul_byte', message)
}
