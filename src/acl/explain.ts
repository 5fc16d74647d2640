import { readingTopicProblem, topicProblem } from '../topic/topic.ts'
import { coveringRules, decide, isReserved, isTopic, type Verdict } from './decide.ts'
import { quote } from './quote.ts'
import { type Action, permits, type Rule } from './rule.ts'
import { type AclRules, bringsWildcard, ownRules, textOf, type Who } from './rules.ts'

/** A verdict, with its reasons in words. */
export interface Explanation extends Verdict {
  /** Why, and what would have to change, for the person who wrote the file. */
  readonly sentences: readonly string[]
}

/** The verdict of `decide` and its reasons in words. */
export function explain(rules: AclRules, who: Who, action: Action, topic: string): Explanation {
  const verdict = decide(rules, who, action, topic)
  return { ...verdict, sentences: [...sentencesOn(rules, who, action, topic, verdict)] }
}

function* sentencesOn(
  rules: AclRules,
  who: Who,
  action: Action,
  topic: string,
  { allowed, line }: Verdict,
): Generator<string> {
  const verb = action === 'publish' ? 'publish to' : 'receive'
  if (!isTopic(topic)) {
    yield `${quote(topic)} is not a valid topic: it ${topicProblem(topic)}.`
    return
  }
  if (isReserved(action, topic)) {
    yield `${quote(topic)} is a reserved name: no line can allow anybody to ${verb} it.`
    return
  }
  const asker = who.user ? `User ${quote(who.user)}` : 'A client without a user name'
  yield `${asker} may ${allowed ? '' : 'not '}${verb} ${quote(topic)}.`

  const covering = coveringRules(rules, who, topic)
  const named = (rule: Rule) => `line ${rule.line}, ${quote(textOf(rules, rule))}`
  const deciding = covering.find((rule) => rule.line === line)
  if (deciding && allowed) {
    yield `It is allowed by ${named(deciding)}.`
    const nowhere = topicProblem(topic)
    const problem = nowhere ?? (action === 'publish' ? readingTopicProblem(topic) : null)
    if (problem)
      yield `But ${nowhere ? 'every door refuses' : 'HTTP refuses'} it: a topic ${problem}.`
  } else if (deciding) {
    yield `It is denied by ${named(deciding)}; a deny line overrides every line that allows.`
    const allowing = covering.find((rule) => permits(rule.right, action))
    if (allowing) yield `Without that line it would be allowed by ${named(allowing)}.`
  } else {
    const [half] = covering
    yield half
      ? `Only ${named(half)} matches it, and that does not allow anybody to ${action}.`
      : 'No line that applies to this client matches it.'
    if (rules.patterns && bringsWildcard(who))
      yield 'Pattern lines do not apply, because the user name or the client id contains "+" or "#".'
    yield missing(rules, who, action, topic)
  }
}

function missing(rules: AclRules, who: Who, action: Action, topic: string): string {
  const line = quote(`topic ${action === 'publish' ? 'write' : 'read'} ${topic}`)
  if (!who.user) return `To allow it, add ${line} before the first "user" line.`
  const place = `${line} below ${quote(`user ${who.user}`)}`
  return ownRules(rules, who)
    ? `To allow it, add ${place}.`
    : `To allow it, add ${place}; that user has no topic lines yet.`
}
