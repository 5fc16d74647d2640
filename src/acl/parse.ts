import { isUtf8 } from 'node:buffer'
import { type AclError, faultAt } from './faults.ts'
import { type AclLine, linesOf } from './lines.ts'
import { createRuleList } from './rule-list.ts'
import { toRuleSet } from './rule-set.ts'
import type { AclRules, RuleSet } from './rules.ts'
import { parseLine, type UserLine } from './statement.ts'
import { finish, type Steps } from './steps.ts'
import { MOST_EFFORT } from './to-tables.ts'
import { createUserSections, type UserSections } from './user-sections.ts'
import { toUsers } from './users.ts'

/** The rules of a file, or the errors in it. */
export type ParsedAcl =
  | { readonly ok: true; readonly rules: AclRules }
  | { readonly ok: false; readonly errors: readonly AclError[] }

/** Reads an ACL file as Mosquitto 2.0 does. A file with a bad line gives no rules, only an error for each bad line. */
export function parseAcl(bytes: Uint8Array): ParsedAcl {
  return finish(parseInSteps(Buffer.from(bytes)))
}

/** Bytes of the file that one step reads; a longer line is read in one step, too. */
const BYTES_A_STEP = 16_384
// added to the bytes of each line, as even an empty one takes time
const BYTES_A_LINE = 64
const MOST_ERRORS = 1000

/** The same in steps. `file` becomes part of the rules and must not change. */
export function* parseInSteps(file: Buffer): Steps<ParsedAcl> {
  const errors: AclError[] = []
  const anonymous = createRuleList()
  const patterns = createRuleList()
  const sections = createUserSections(file)
  const hasNul = yield* holdsNul(file)
  // where the rules of `topic` lines go: to the clients without a name until the first `user` line
  let current: Pick<UserSections, 'push'> = anonymous
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
      sections.begin(statement.name, statement.end)
      current = isName(file, statement) ? sections : NOBODY
    } else {
      size += 1
      const list = statement.kind === 'pattern' ? patterns : current
      list.push(statement.rule)
    }
  }
  if (errors.length > 0) return { ok: false, errors }

  const rules: AclRules = {
    edition: Symbol('edition'),
    file,
    size,
    anonymous: anonymous.length > 0 ? yield* toRuleSet(file, anonymous, false) : null,
    users: yield* toUsers(file, sections),
    patterns: patterns.length > 0 ? yield* toRuleSet(file, patterns, true) : null,
  }
  const error = effortFault([rules.users.slowest, rules.anonymous], rules.patterns)
  return error ? { ok: false, errors: [error] } : { ok: true, rules }
}

const BYTES_SEARCHED_A_STEP = 2 ** 20

function* holdsNul(file: Buffer): Steps<boolean> {
  for (let at = 0; at < file.length; at += BYTES_SEARCHED_A_STEP) {
    if (file.subarray(at, at + BYTES_SEARCHED_A_STEP).includes(0)) return true
    yield
  }
  return false
}

/** The error that one decision could take too long for everybody else; null if none can. */
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
    return { line: worst?.rules.at(0)?.line ?? 1, column: 1, code: 'rules_too_costly', message }
  }
  return null
}

function unreadFault({ number }: AclLine): AclError {
  const message = `more than ${MOST_ERRORS} errors: the rest of the file was not checked`
  return { line: number, column: 1, code: 'too_many_errors', message }
}

/** Drops what it gets. */
const NOBODY: Pick<UserSections, 'push'> = { push: () => {} }

// a name that is not UTF-8 is nobody's: decoded, it could be taken for another one
function isName(file: Buffer, { name, end }: UserLine): boolean {
  return isUtf8(file.subarray(name, end))
}

function nulFault(file: Buffer, line: AclLine): AclError | null {
  const at = file.subarray(line.start, line.end).indexOf(0)
  if (at === -1) return null
  const message = 'contains a NUL byte, where Mosquitto stops reading: save the file as UTF-8 text'
  return faultAt(file, line, line.start + at, 'nul_byte', message)
}
