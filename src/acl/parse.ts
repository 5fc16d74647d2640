import { isUtf8 } from 'node:buffer'
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

const LINES_A_STEP = 1000

/** The same in steps of a few milliseconds, for a process that has other things to do meanwhile. */
export function* parseInSteps(bytes: Uint8Array): Generator<undefined, ParsedAcl> {
  const file = Buffer.from(bytes)
  const errors: AclError[] = []
  const anonymous: Rule[] = []
  const patterns: Rule[] = []
  const users = new Map<string, Rule[]>()
  const hasNul = file.includes(0)
  let owner: string | null = null
  let own = anonymous
  let size = 0
  for (const line of linesOf(file)) {
    if (line.number % LINES_A_STEP === 0) yield
    const error = hasNul && nulFault(file, line)
    const statement = error ? { kind: 'error' as const, error } : parseLine(file, line)
    if (!statement) continue
    if (statement.kind === 'error') errors.push(statement.error)
    else if (statement.kind === 'user') {
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

  const sections = new Map<string, Section>()
  for (const [name, rules] of users) {
    sections.set(name, toSection(file, rules.slice(), false))
    if (sections.size % LINES_A_STEP === 0) yield
  }
  return {
    ok: true,
    rules: {
      file,
      size,
      anonymous: anonymous.length > 0 ? toSection(file, anonymous, false) : null,
      users: sections,
      patterns: patterns.length > 0 ? toSection(file, patterns, true) : null,
    },
  }
}

// a name that is not UTF-8 is nobody's: decoded, it could be taken for another one
function toName(file: Buffer, start: number, end: number): string | null {
  return isUtf8(file.subarray(start, end)) ? file.toString('utf8', start, end) : null
}

function nulFault(file: Buffer, line: Line): AclError | null {
  const at = file.subarray(line.start, line.end).indexOf(0)
  if (at === -1) return null
  const message =
    'holds a NUL byte, where Mosquitto would stop reading: save the file as UTF-8 text'
  return faultAt(file, line, line.start + at, 'nul_byte', message)
}
