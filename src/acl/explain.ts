import { topicProblem } from '../topic/topic.ts'
import { coveringRules, decide, isReserved, isTopic, type Verdict } from './decide.ts'
import { quote } from './quote.ts'
import {
  type AclRules,
  type Action,
  bringsWildcard,
  grants,
  ownSection,
  type Rule,
  textOf,
  type Who,
} from './rules.ts'

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
  const asker = who.user ? `user ${quote(who.user)}` : 'a client without a user name'
  if (!isTopic(topic)) {
    yield `${quote(topic)} is no topic: it ${topicProblem(topic)}.`
    return
  }
  if (isReserved(action, topic)) {
    yield `${quote(topic)} is a reserved name: no line can let anybody ${verb} it.`
    return
  }
  const covering = coveringRules(rules, who, topic)
  const allowing = covering.find((rule) => grants(rule.right, action))
  const named = (rule: Rule) => `line ${rule.line}, ${quote(textOf(rules, rule))}`
  const deciding = covering.find((rule) => rule.line === line)
  if (deciding && allowed) {
    yield `${capital(asker)} may ${verb} ${quote(topic)}: ${named(deciding)}.`
    const problem = action === 'publish' ? topicProblem(topic) : null
    if (problem) yield `The gateway's doors refuse it all the same: a topic ${problem}.`
    return
  }
  yield `${capital(asker)} may not ${verb} ${quote(topic)}.`
  if (deciding) {
    yield `What stands in the way is ${named(deciding)}; a deny is stronger than any line beside it that allows.`
    if (allowing) yield `Without it the answer would be yes: ${named(allowing)}.`
    return
  }
  const half = covering[0]
  const needed = action === 'publish' ? 'write' : 'read'
  if (half)
    yield `One line covers this topic, but not to ${action}: ${named(half)}. It would need "readwrite".`
  else yield 'No line that holds for this client covers this topic.'
  if (bringsWildcard(who) && rules.patterns)
    yield 'Patterns were not asked, because the user name or the client id holds "+" or "#".'
  const suggestion = quote(`topic ${needed} ${topic}`)
  yield who.user
    ? `Needed is ${suggestion} below ${quote(`user ${who.user}`)}${ownSection(rules, who) ? '' : ', which has no topic lines yet'}.`
    : `Needed is ${suggestion} before the first "user" line.`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
