import { isUtf8 } from 'node:buffer'
import { filterProblem } from '../topic/topic.ts'
import { quote } from './quote.ts'
import { grants, type Rule } from './rules.ts'
import type { RuleLine, UserLine } from './statement.ts'

export type WarningCode =
  | 'access_word_as_topic'
  | 'anonymous_unused'
  | 'client_id_chosen'
  | 'comment_in_name'
  | 'covers_everything'
  | 'deny_outranked'
  | 'invisible_character'
  | 'last_line_ignored'
  | 'never_matches'
  | 'never_published'
  | 'no_rules'
  | 'pattern_for_everybody'
  | 'placeholder_in_level'
  | 'placeholder_literal'
  | 'shadowed'
  | 'user_never_seen'
  | 'user_repeated'
  | 'user_without_topics'

export interface Warning {
  readonly line: number
  /** The byte of the file that it is about. */
  readonly at: number
  readonly code: WarningCode
  readonly message: string
}

/** What is worth a second look in a `user` line, taken by itself. */
export function* userWarnings(file: Buffer, { line, name, end }: UserLine): Generator<Warning> {
  const text = file.toString('utf8', name, end)
  const warning = (code: WarningCode, message: string) => ({ line, at: name, code, message })
  const shown = quote(text)
  if (!isUtf8(file.subarray(name, end)))
    yield warning('never_matches', `${shown} is not UTF-8, so that it is nobody's name`)
  else if (text.includes(' #'))
    yield warning(
      'comment_in_name',
      `the user name is ${shown}, all of it: a comment needs a line of its own`,
    )
  else if (/[/+#$\p{Cc}]/u.test(text) || end - name > LONGEST_NAME)
    yield warning(
      'user_never_seen',
      `no WoTT ID is ${shown}: none holds "/", "+", "#", "$" or a control character, or more than ${LONGEST_NAME} bytes`,
    )
  if (INVISIBLE.test(text))
    yield warning('invisible_character', `${shown} holds a character that cannot be seen`)
}

const LONGEST_NAME = 253
const INVISIBLE = /[^\P{Zs} ]|\p{Cf}/u

/** What is worth a second look in a `topic` or `pattern` line, taken by itself. */
export function* ruleWarnings(file: Buffer, { kind, rule, spelled }: RuleLine): Generator<Warning> {
  const { line, filter: at, end, right } = rule
  const text = file.toString('utf8', at, end)
  const warning = (code: WarningCode, message: string) => ({ line, at, code, message })
  const shown = quote(text)

  if (!spelled && ['read', 'write', 'readwrite', 'deny'].includes(text))
    yield warning(
      'access_word_as_topic',
      `allows reading and writing the topic that is called ${shown}; meant was perhaps "${kind} ${text} FILTER"`,
    )
  const problem = isUtf8(file.subarray(at, end))
    ? filterProblem(text.replace(/\/#$/, ''))
    : 'must be UTF-8'
  const tab = text.includes('\t') ? '; it holds a TAB' : ''
  if (problem) yield warning('never_matches', `${shown} covers no topic: one ${problem}${tab}`)
  else if (text.startsWith('$share'))
    yield warning('never_matches', 'covers no topic: names that begin with "$share" are reserved')
  else if (text.startsWith('$') && grants(right, 'publish'))
    yield warning(
      'never_published',
      `nobody can publish to a name that begins with "$"${right === 'write' ? '' : '; only the reading half holds'}`,
    )
  if (text === '#' || text === '+/#')
    yield warning(
      'covers_everything',
      right === 'deny'
        ? 'denies every topic but those that begin with "$"'
        : `${kind === 'pattern' ? 'lets every client' : 'allows to'} ${VERB[right]} every topic but those that begin with "$"`,
    )
  if (INVISIBLE.test(text))
    yield warning('invisible_character', `${shown} holds a character that cannot be seen`)
  if (kind === 'pattern') yield* patternWarnings(rule, text)
  else if (/%[uc]/.test(text))
    yield warning(
      'placeholder_literal',
      `"%u" and "%c" stand for names only in pattern lines; here ${shown} means itself`,
    )
}

const VERB = { read: 'read', write: 'write', readwrite: 'read and write' } as const

function* patternWarnings(rule: Rule, text: string): Generator<Warning> {
  const warning = (code: WarningCode, message: string) => ({
    line: rule.line,
    at: rule.filter,
    code,
    message,
  })
  const names: readonly string[] = text.match(/%[uc]/g) ?? []
  if (names.length === 0)
    yield warning(
      'pattern_for_everybody',
      'without "%u" or "%c" this holds for every client, named or not',
    )
  else if (!names.includes('%u'))
    yield warning(
      'client_id_chosen',
      rule.right === 'deny'
        ? 'a client chooses its own client id, and so escapes this'
        : 'a client chooses its own client id: this protects nobody; "%u" is the WoTT ID',
    )
  if (text.split('/').some((level) => /%[uc]/.test(level) && level.length > 2))
    yield warning(
      'placeholder_in_level',
      'Mosquitto 2.1 puts a name in only where "%u" or "%c" is a whole level',
    )
}
