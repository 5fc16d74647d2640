import { HASH, isBlank, SPACE } from './ascii.ts'
import { type AclError, accessFault, faultAt, filterFault, keywordFault } from './faults.ts'
import { type AclLine, LONGEST_LINE } from './lines.ts'
import type { Right, Rule } from './rule.ts'

/** What one line says; offsets are bytes of the file. */
export type Statement = UserLine | RuleLine | { readonly kind: 'error'; readonly error: AclError }

/** `line` is from 1; `name` and `end` are where the name begins and ends in the file. */
export interface UserLine {
  readonly kind: 'user'
  readonly line: number
  readonly name: number
  readonly end: number
}

/** A `topic` or `pattern` line. */
export interface RuleLine {
  readonly kind: 'topic' | 'pattern'
  readonly rule: Rule
  /** Whether the access word was written or left out. */
  readonly spelled: boolean
}

/**
 * `[SP] "user" SP name` or `[SP] ("topic" | "pattern") SP [access SP] filter`, SP being one or more spaces and
 * nothing else; null for a comment or an empty line.
 */
export function parseLine(file: Buffer, line: AclLine): Statement | null {
  if (line.start === line.end || file[line.start] === HASH) return null
  if (line.end - line.start > LONGEST_LINE) {
    const message = `the line has ${line.end - line.start} bytes: at most ${LONGEST_LINE} are allowed`
    return { kind: 'error', error: faultAt(file, line, line.start, 'line_too_long', message) }
  }
  const start = skipSpaces(file, line.start, line.end)
  const keywordEnd = wordEnd(file, start, line.end)
  const keyword = file.toString('latin1', start, keywordEnd)
  if (keyword === 'user') return parseUser(file, line, keywordEnd)
  if (keyword === 'topic' || keyword === 'pattern')
    return parseRule(file, line, start, keywordEnd, keyword)
  return { kind: 'error', error: keywordFault(file, line, start, keywordEnd) }
}

function parseUser(file: Buffer, line: AclLine, keywordEnd: number): Statement {
  const name = skipBlanks(file, keywordEnd, line.end)
  if (name < line.end) return { kind: 'user', line: line.number, name, end: line.end }
  const message = 'a user name is missing: write "user NAME"'
  return { kind: 'error', error: faultAt(file, line, line.end, 'user_missing', message) }
}

function parseRule(
  file: Buffer,
  line: AclLine,
  start: number,
  keywordEnd: number,
  keyword: 'topic' | 'pattern',
): Statement {
  const { number, end } = line
  const first = skipSpaces(file, keywordEnd, end)
  if (first === end) {
    const message = `a topic filter is missing: write "${keyword} read FILTER"`
    return { kind: 'error', error: faultAt(file, line, end, 'filter_missing', message) }
  }
  const firstEnd = wordEnd(file, first, end)
  // one word alone is the filter, even if it reads "deny"
  const spelled = firstEnd < end
  const right = spelled ? RIGHTS.get(file.toString('latin1', first, firstEnd)) : 'readwrite'
  if (!right) return { kind: 'error', error: accessFault(file, line, keyword, first, firstEnd) }
  const filter = spelled ? skipBlanks(file, firstEnd, end) : first
  const error = filterFault(file, line, filter)
  if (error) return { kind: 'error', error }
  return { kind: keyword, rule: { line: number, right, start, filter, end }, spelled }
}

const RIGHTS: ReadonlyMap<string, Right> = new Map([
  ['read', 'read'],
  ['write', 'write'],
  ['readwrite', 'readwrite'],
  ['deny', 'deny'],
])

function skipSpaces(file: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && file[at] === SPACE) at += 1
  return at
}

function skipBlanks(file: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && isBlank(file[at])) at += 1
  return at
}

function wordEnd(file: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && file[at] !== SPACE) at += 1
  return at
}
