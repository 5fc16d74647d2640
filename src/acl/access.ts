import { couldReceive } from './could-receive.ts'
import { isAllowed } from './decide.ts'
import { type Grants, grantsOf } from './grants.ts'
import type { AclRules, Action, Who } from './rules.ts'

/** What one client may do under the rules of the moment. */
export interface Access {
  readonly who: Who
  mayPublish(topic: string): boolean
  mayReceive(topic: string): boolean
  /** False only if no topic that one of the filters covers could be received. */
  couldReceive(filters: readonly string[]): boolean
  grants(): Grants
}

// for each action; the second bound is what a client that keeps inventing long topics can hold on to
const MOST_TOPICS = 1000
const MOST_CHARACTERS = 65_536

/** Remembers verdicts until `source.current` is of another edition. */
export function createAccess(source: { readonly current: AclRules }, who: Who): Access {
  return {
    who,
    mayPublish: remembering(source, who, 'publish'),
    mayReceive: remembering(source, who, 'receive'),
    couldReceive: (filters) => couldReceive(source.current, who, filters),
    grants: () => grantsOf(source.current, who),
  }
}

function remembering(
  source: { readonly current: AclRules },
  who: Who,
  action: Action,
): (topic: string) => boolean {
  const verdicts = new Map<string, boolean>()
  let characters = 0
  // and not the rules: one idle connection would keep a whole old file in memory
  let { edition } = source.current

  return (topic) => {
    const { current } = source
    if (current.edition !== edition) {
      edition = current.edition
      verdicts.clear()
      characters = 0
    }
    const known = verdicts.get(topic)
    if (known !== undefined) return known
    if (verdicts.size === MOST_TOPICS || characters + topic.length > MOST_CHARACTERS) {
      verdicts.clear()
      characters = 0
    }
    const allowed = isAllowed(current, who, action, topic)
    verdicts.set(topic, allowed)
    characters += topic.length
    return allowed
  }
}
