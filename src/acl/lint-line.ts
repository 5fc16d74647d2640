import { isUtf8 } from 'node:buffer'
import { overlaps } from '../topic/match.ts'
import { filterProblem } from '../topic/topic.ts'
import { BRIDGE_STATE } from './decide.ts'

import { quote } from './quote.ts'
import { permits, type Right, type Rule } from './rule.ts'
import type { RuleLine, UserLine } from './statement.ts'
import type { Warning, WarningCode } from './warning.ts'

/** Devices and viewers that there are, and where they were looked for. */
export interface KnownUsers {
  readonly names: ReadonlySet<string>
  readonly places: string
}

// no blank but the space, and nothing that only directs how others are shown
const INVISIBLE = /[^\P{Zs} ]|\p{Cf}/u
const LONGEST_WOTT_ID = 253

/** What is worth a second look in a `user` line, taken by itself. */
export function* userWarnings(file: Buffer, { line, name, end }: UserLine): Generator<Warning> {
  const warning = (code: WarningCode, message: string) => ({ line, at: name, code, message })
  const text = file.toString('utf8', name, end)
  const shown = quote(text)
  if (!isUtf8(file.subarray(name, end)))
    yield warning('never_matches', `${shown} is not UTF-8, so no client has this name`)
  else if (text.includes(' #'))
    yield warning('comment_in_name', `the name is ${shown}: put the comment on a line of its own`)
  else if (/[/+#$\p{Cc}]/u.test(text) || end - name > LONGEST_WOTT_ID)
    yield warning(
      'user_never_seen',
      `${shown} is not a WoTT ID: a WoTT ID has at most ${LONGEST_WOTT_ID} bytes and no "/", "+", "#" or "$"`,
    )
  if (INVISIBLE.test(text))
    yield warning('invisible_character', `${shown} contains invisible characters`)
}

/** A warning if the `user` line names nobody who is known; none if `known` is null. */
export function* unknownWarnings(
  file: Buffer,
  { line, name, end }: UserLine,
  known: KnownUsers | null,
): Generator<Warning> {
  const text = file.toString('utf8', name, end)
  if (known === null || known.names.has(text)) return
  const message = `${quote(text)} is neither a device nor a viewer of ${known.places}`
  yield { line, at: name, code: 'user_unknown', message }
}

/** What is worth a second look in a `topic` or `pattern` line, taken by itself. */
export function* ruleWarnings(file: Buffer, { kind, rule, spelled }: RuleLine): Generator<Warning> {
  const warning = warningOn(rule)
  const text = file.toString('utf8', rule.filter, rule.end)
  const shown = quote(text)
  if (!spelled && ['read', 'write', 'readwrite', 'deny'].includes(text))
    yield warning(
      'access_word_as_topic',
      `allows reading and writing the topic ${shown}; did you mean "${kind} ${text} FILTER"?`,
    )
  if (INVISIBLE.test(text))
    yield warning('invisible_character', `${shown} contains invisible characters`)
  if (text === '#' || text === '+/#')
    yield warning(
      'covers_everything',
      `${REACH[rule.right]} all topics except those that start with "$"`,
    )
  yield* reachWarnings(file, rule, text)
  if (kind === 'pattern') yield* patternWarnings(rule, text)
  else if (/%[uc]/.test(text))
    yield warning(
      'placeholder_literal',
      '"%u" and "%c" are replaced by names only in pattern lines',
    )
}

const REACH: Readonly<Record<Right, string>> = {
  read: 'allows to read',
  write: 'allows to write',
  readwrite: 'allows to read and write',
  deny: 'denies',
}

function warningOn({ line, filter: at }: Rule) {
  return (code: WarningCode, message: string): Warning => ({ line, at, code, message })
}

function* reachWarnings(file: Buffer, rule: Rule, text: string): Generator<Warning> {
  const { filter, end, right } = rule
  const warning = warningOn(rule)
  // "a/#" covers "a" too, which has a level less
  const problem = isUtf8(file.subarray(filter, end))
    ? filterProblem(text.replace(/\/#$/, ''))
    : 'must be UTF-8'
  if (problem) {
    const tab = text.includes('\t') ? ', and this one contains a TAB' : ''
    yield warning('never_matches', `matches no topic: a topic ${problem}${tab}`)
  } else if (text.startsWith('$share'))
    yield warning('never_matches', 'matches no topic: names that start with "$share" are reserved')
  else if (!text.startsWith('$') || !permits(right, 'publish')) return
  else if (!text.startsWith('$SYS'))
    yield warning('never_over_http', 'HTTP cannot publish to topics that start with "$"')
  else if (!overlaps(BRIDGE_STATE, text))
    yield warning('never_published', 'nobody can publish to topics that start with "$SYS"')
}

function* patternWarnings(rule: Rule, text: string): Generator<Warning> {
  const warning = warningOn(rule)
  const names: readonly string[] = text.match(/%[uc]/g) ?? []
  if (names.length === 0)
    yield warning(
      'pattern_for_everybody',
      'applies to every client, because it contains no "%u" or "%c"',
    )
  else if (!names.includes('%u'))
    yield warning(
      'client_id_chosen',
      rule.right === 'deny'
        ? 'a client chooses its own client id, so it can avoid this line; use "%u", the WoTT ID'
        : 'a client chooses its own client id, so this line protects nothing; use "%u", the WoTT ID',
    )
  if (text.split('/').some((level) => /%[uc]/.test(level) && level.length > 2))
    yield warning(
      'placeholder_in_level',
      'Mosquitto 2.1 replaces "%u" and "%c" only where they are a whole level',
    )
}
