import { isUtf8 } from 'node:buffer'
import { MOST_EFFORT } from './columns.ts'
import { type AclError, faultAt } from './faults.ts'
import { type AclLine, linesOf } from './lines.ts'
import type { AclRules, Rule, RuleSet } from './rules.ts'
import { toSection } from './section.ts'
import { parseLine } from './statement.ts'

export type ParsedAcl =
  | { readonly ok: true; readonly rules: AclRules }
  | { readonly ok: false; readonly errors: readonly AclError[] }

/** Reads an ACL file as Mosquitto 2.0 does; one bad line and there are no rules, but the bad lines are named. */
export function parseAcl(bytes: Uint8Array): ParsedAcl {
  const steps = parseInSteps(Buffer.from(bytes))
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}

/** Bytes of the file that one step reads, a longer line aside. */
const BYTES_A_STEP = 16_384
// what a line costs even if it is empty
const BYTES_A_LINE = 64
const USERS_A_STEP = 64
const MOST_ERRORS = 1000

/**
 * The same in steps of a fraction of a millisecond, for a process that has other things to do meanwhile. `file`
 * becomes part of the rules and must not change.
 */
export function* parseInSteps(file: Buffer): Generator<undefined, ParsedAcl> {
  const errors: AclError[] = []
  const anonymous: Rule[] = []
  const patterns: Rule[] = []
  const users = new Map<string, Rule[]>()
  const hasNul = yield* holdsNul(file)
  let owner: string | null = null
  let own = anonymous
  let size = 0
  let work = 0
  for (const line of linesOf(file)) {
    work += BYTES_A_LINE + line.end - line.start
    if (work > BYTES_A_STEP) {
      work = 0
      yield
    }
    const error = hasNul && nulFault(file, line)
    const statement = error ? { kind: 'error' as const, error } : parseLine(file, line)
    if (!statement) continue
    if (statement.kind === 'error') {
      errors.push(statement.error)
      if (errors.length < MOST_ERRORS) continue
      errors.push(unreadFault(line))
      break
    }
    if (statement.kind === 'user') {
      owner = toName(file, statement.name, statement.end)
      const known = owner === null ? undefined : users.get(owner)
      own = known ?? []
    } else {
      size += 1
      if (statement.kind === 'pattern') patterns.push(statement.rule)
      else if (own.push(statement.rule) === 1 && owner !== null) users.set(owner, own)
    }
  }
  if (errors.length > 0) return { ok: false, errors }

  const sections = new Map<string, RuleSet>()
  let slowest: RuleSet | null = null
  for (const [name, rules] of users) {
    const section = yield* toSection(file, rules.slice(), false)
    sections.set(name, section)
    if (section.effort > (slowest?.effort ?? 0)) slowest = section
    if (sections.size % USERS_A_STEP === 0) yield
  }
  const rules: AclRules = {
    edition: Symbol('edition'),
    file,
    size,
    anonymous: anonymous.length > 0 ? yield* toSection(file, anonymous, false) : null,
    users: sections,
    patterns: patterns.length > 0 ? yield* toSection(file, patterns, true) : null,
  }
  const error = effortFault([slowest, rules.anonymous], rules.patterns)
  return error ? { ok: false, errors: [error] } : { ok: true, rules }
}

const BYTES_SEARCHED_A_STEP = 2 ** 20

function* holdsNul(file: Buffer): Generator<undefined, boolean> {
  for (let at = 0; at < file.length; at += BYTES_SEARCHED_A_STEP) {
    if (file.subarray(at, at + BYTES_SEARCHED_A_STEP).includes(0)) return true
    yield
  }
  return false
}

/** Why some decision could hold up everybody, or null. */
function effortFault(
  owned: readonly (RuleSet | null)[],
  patterns: RuleSet | null,
): AclError | null {
  const patternsEffort = patterns?.effort ?? 0
  for (const own of [...owned, null]) {
    const ownEffort = own?.effort ?? 0
    if (ownEffort + patternsEffort <= MOST_EFFORT) continue
    const worst = ownEffort > patternsEffort ? own : patterns
    const message = `from this line on the rules are too expensive: one decision could need ${ownEffort + patternsEffort} steps, and at most ${MOST_EFFORT} are allowed; write fewer or simpler rules`
    return { line: worst?.rules[0]?.line ?? 1, column: 1, code: 'rules_too_costly', message }
  }
  return null
}

function unreadFault({ number }: AclLine): AclError {
  const message = `more than ${MOST_ERRORS} errors: the rest of the file was not checked`
  return { line: number, column: 1, code: 'too_many_errors', message }
}

// a name that is not UTF-8 is nobody's: decoded, it could be taken for another one
function toName(file: Buffer, start: number, end: number): string | null {
  return isUtf8(file.subarray(start, end)) ? file.toString('utf8', start, end) : null
}

function nulFault(file: Buffer, line: AclLine): AclError | null {
  const at = file.subarray(line.start, line.end).indexOf(0)
  if (at === -1) return null
  const message = 'contains a NUL byte, where Mosquitto stops reading: save the file as UTF-8 text'
  return faultAt(file, line, line.start + at, 'nul_byte', message)
}
