import { MAX_TOPIC_BYTES } from '../topic/topic.ts'
import type { Rule } from './rule.ts'
import type { AclRules, Who } from './rules.ts'

/** The rule's filter as it stands in the file. */
export function filterOf({ file }: AclRules, rule: Rule): string {
  return file.toString('utf8', rule.filter, rule.end)
}

/**
 * A pattern's filter with the names put in, which are not scanned again. Null where a name is wanting, and where
 * the text grows longer than any topic, so that it covers none.
 */
export function fillIn(pattern: string, { user, clientId }: Who): string | null {
  let text = ''
  let from = 0
  for (let at = pattern.indexOf('%'); at !== -1; at = pattern.indexOf('%', at + 1)) {
    const letter = pattern[at + 1]
    if (letter !== 'u' && letter !== 'c') continue
    const name = letter === 'u' ? user : clientId
    if (!name) return null
    text += pattern.slice(from, at) + name
    if (text.length > MAX_TOPIC_BYTES + MAX_WILDCARDS) return null
    from = at + 2
  }
  return text + pattern.slice(from)
}

const MAX_WILDCARDS = 201
