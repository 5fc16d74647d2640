import { isAllowed } from './decide.ts'
import { fillIn, filterOf } from './fill-in.ts'
import { intersection, overlap } from './overlap.ts'
import { type AclRules, ownSection, patternsFor, permits, type Rule, type Who } from './rules.ts'

// bytes looked at, a few milliseconds' worth
const MOST_EFFORT = 500_000
// that a rule is looked at costs as much as some bytes of it
const EFFORT_A_RULE = 16

/**
 * Whether `who` may receive any of the topics that valid `filters` cover. Never wrongly false. Wrongly true
 * only where hundreds of lines allow what as many deny, where patterns fill some hundred kilobytes, or a user has tens of
 * thousands of lines: sorting that out is given up before it holds up everybody else, and each message is decided by itself anyway.
 */
export function couldReceive(rules: AclRules, who: Who, filters: readonly string[]): boolean {
  const work = { effort: 0 }
  return filters.some((filter) => couldReceiveOne(rules, who, filter, work))
}

function couldReceiveOne(
  rules: AclRules,
  who: Who,
  filter: string,
  work: { effort: number },
): boolean {
  const own = ownSection(rules, who)?.rules ?? []
  const patterns = patternsFor(rules, who)?.rules ?? []
  const asked = Buffer.from(filter)
  const askedLevels = filter.split('/')
  let measures: Measures | undefined

  const opens = (bytes: Buffer, start: number, end: number): boolean => {
    if (!overlap(asked, bytes, start, end)) return false
    const common = intersection(askedLevels, bytes.toString('utf8', start, end).split('/'))
    measures ??= measure(rules.file, [...own, ...patterns], who)
    for (const topic of witnesses(common, measures.deepestDeny)) {
      if (work.effort > MOST_EFFORT || isAllowed(rules, who, 'receive', topic)) return true
      // a long topic is searched for the names in it, too
      work.effort += measures.bytes + 4 * topic.length
    }
    return false
  }
  const opensOrTires = (rule: Rule) =>
    work.effort > MOST_EFFORT || opens(rules.file, rule.filter, rule.end)
  const opensFilledIn = (rule: Rule): boolean => {
    const text = fillIn(filterOf(rules, rule), who)
    work.effort += 4 * (rule.end - rule.filter) + (text?.length ?? 0)
    if (work.effort > MOST_EFFORT) return true
    if (text === null) return false
    const bytes = Buffer.from(text)
    return opens(bytes, 0, bytes.length)
  }

  const isReadable = ({ right }: Rule) => {
    work.effort += EFFORT_A_RULE
    return permits(right, 'receive')
  }
  return (
    own.some((rule) => isReadable(rule) && opensOrTires(rule)) ||
    patterns.some((rule) => isReadable(rule) && opensFilledIn(rule))
  )
}

interface Measures {
  /** What one decision may have to look at. */
  readonly bytes: number
  /** Levels of the deepest `deny`, or more. */
  readonly deepestDeny: number
}

// no broker takes a topic of more
const MAX_LEVELS = 201

function measure(file: Buffer, asked: readonly Rule[], { user, clientId }: Who): Measures {
  const slashes = (text: string) => text.split('/').length - 1
  const slashesOfName = Math.max(slashes(user ?? ''), slashes(clientId))
  let bytes = 0
  let deepestDeny = 0
  for (const { right, filter, end } of asked) {
    bytes += end - filter
    if (right !== 'deny') continue
    const text = file.toString('latin1', filter, end)
    const names = text.split(/%[uc]/).length - 1
    deepestDeny = Math.max(deepestDeny, slashes(text) + 1 + names * slashesOfName)
  }
  return { bytes, deepestDeny: Math.min(deepestDeny, MAX_LEVELS) }
}

// no file holds NUL and no name does: only a wildcard covers this level
const ANY_LEVEL = '\0'

/**
 * Topics that stand for all that a filter covers: one for each number of levels that a `deny` can tell apart. What
 * denies such a topic denies every topic of as many levels, so that no other has to be tried.
 */
function* witnesses(filter: readonly string[], deepestDeny: number): Generator<string> {
  const fixed = filter.map((level) => (level === '+' ? ANY_LEVEL : level))
  if (filter.at(-1) !== '#') {
    yield fixed.join('/')
    return
  }
  fixed.pop()
  const fewest = Math.max(fixed.length, 1)
  for (let levels = Math.max(fewest, deepestDeny) + 1; levels >= fewest; levels--)
    yield [...fixed, ...Array<string>(levels - fixed.length).fill(ANY_LEVEL)].join('/')
}
