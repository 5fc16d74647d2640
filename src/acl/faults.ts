import { HASH, LF, PLUS, SLASH, SPACE } from './ascii.ts'
import type { AclLine } from './lines.ts'
import { quote } from './quote.ts'

export type AclErrorCode =
  | 'nul_byte'
  | 'byte_order_mark'
  | 'comment_indented'
  | 'tab_separator'
  | 'keyword_unknown'
  | 'user_missing'
  | 'filter_missing'
  | 'access_unknown'
  | 'filter_wildcard'
  | 'filter_too_deep'
  | 'filter_too_long'
  | 'line_too_long'
  | 'too_many_errors'
  | 'rules_too_costly'

/** Why a line cannot be read, and what to write instead; `column` counts UTF-16 code units from 1, as editors do. */
export interface AclError {
  readonly line: number
  readonly column: number
  readonly code: AclErrorCode
  readonly message: string
}

/** An error at byte `at` of the file. */
export function faultAt(
  file: Buffer,
  line: AclLine,
  at: number,
  code: AclErrorCode,
  message: string,
): AclError {
  return { line: line.number, column: columnOf(file, at), code, message }
}

/** The column of byte `at` in its line. */
export function columnOf(file: Buffer, at: number): number {
  const start = at === 0 ? 0 : file.lastIndexOf(LF, at - 1) + 1
  return file.toString('utf8', start, at).length + 1
}

/** What is wrong with a line whose first word, from `at` to `end`, is no keyword. */
export function keywordFault(file: Buffer, line: AclLine, at: number, end: number): AclError {
  const word = file.toString('utf8', at, end)
  if (word.startsWith('\ufeff')) {
    const advice = 'save the file as UTF-8 without a BOM'
    return faultAt(file, line, at, 'byte_order_mark', `begins with a byte order mark: ${advice}`)
  }
  if (word.trimStart().startsWith('#')) {
    const advice = 'remove the spaces before "#"'
    const message = `a comment must start in the first column: ${advice}`
    return faultAt(file, line, line.start, 'comment_indented', message)
  }
  const tab = word.indexOf('\t')
  if (tab !== -1) return tabFault(file, line, at + file.subarray(at, end).indexOf('\t'))
  const lower = word.toLowerCase()
  const advice = ['user', 'topic', 'pattern'].includes(lower)
    ? `write ${quote(lower)}`
    : 'a line is "user NAME", "topic [ACCESS] FILTER", "pattern [ACCESS] FILTER" or a comment after "#"'
  return faultAt(file, line, at, 'keyword_unknown', `unknown keyword ${quote(word)}: ${advice}`)
}

/** What is wrong with a `topic` or `pattern` line whose second word of several, from `at` to `end`, is no access word. */
export function accessFault(
  file: Buffer,
  line: AclLine,
  keyword: string,
  at: number,
  end: number,
): AclError {
  const word = file.toString('utf8', at, end)
  const rest = file.toString('utf8', end, line.end).trim()
  const [beforeTab = ''] = word.split('\t', 1)
  if (beforeTab !== word && ACCESS.includes(beforeTab))
    return tabFault(file, line, at + beforeTab.length)
  const lower = word.toLowerCase()
  const advice = rest.startsWith('#')
    ? 'put the comment on a line of its own'
    : ACCESS.includes(lower)
      ? `write ${quote(lower)}`
      : `the access must be read, write, readwrite or deny; a filter that contains spaces needs one, for example ${quote(`${keyword} readwrite ${word} ${rest}`)}`
  return faultAt(file, line, at, 'access_unknown', `unknown access ${quote(word)}: ${advice}`)
}

const ACCESS = ['read', 'write', 'readwrite', 'deny']

function tabFault(file: Buffer, line: AclLine, at: number): AclError {
  return faultAt(file, line, at, 'tab_separator', 'a TAB is not a separator here: use a space')
}

// the limits of Mosquitto's own check of a filter
const MAX_SLASHES = 200
const MAX_BYTES = 65_535

/** Why the filter from byte `at` to the end of the line is refused, or null if it is a good one. */
export function filterFault(file: Buffer, line: AclLine, at: number): AclError | null {
  const { end } = line
  if (end - at > MAX_BYTES) {
    const message = `the filter has ${end - at} bytes: at most ${MAX_BYTES} are allowed`
    return faultAt(file, line, at, 'filter_too_long', message)
  }
  let slashes = 0
  for (let i = at; i < end; i++) {
    const byte = file[i]
    if (byte === SLASH) slashes += 1
    if (byte !== PLUS && byte !== HASH) continue
    const opens = i === at || file[i - 1] === SLASH
    const closes = i + 1 === end || (byte === PLUS && file[i + 1] === SLASH)
    if (!opens || !closes) return wildcardFault(file, line, at, i)
  }
  if (slashes > MAX_SLASHES) {
    const message = `the filter has ${slashes + 1} levels: at most ${MAX_SLASHES + 1} are allowed`
    return faultAt(file, line, at, 'filter_too_deep', message)
  }
  return null
}

function wildcardFault(file: Buffer, line: AclLine, filter: number, at: number): AclError {
  const text = quote(file.toString('utf8', filter, line.end))
  const advice =
    file[at] === PLUS
      ? '"+" must be a whole level'
      : file[at - 1] === SPACE
        ? '"#" must be the whole last level (put a comment on a line of its own)'
        : '"#" must be the whole last level'
  return faultAt(file, line, at, 'filter_wildcard', `wildcard misplaced in ${text}: ${advice}`)
}
