import { createTopicMemo, type TopicMemo } from '../topic/memo.ts'
import { couldReceive } from './could-receive.ts'
import { isAllowed } from './decide.ts'
import { type Grants, grantsOf } from './grants.ts'
import type { Action } from './rule.ts'
import type { AclRules, Who } from './rules.ts'

/** The rights of one client under the rules in use. */
export interface Access {
  readonly who: Who
  mayPublish(topic: string): boolean
  mayReceive(topic: string): boolean
  /** False only if no topic that one of the filters covers could be received. */
  couldReceive(filters: readonly string[]): boolean
  grants(): Grants
}

// for each action
const REMEMBERED = { topics: 1000, size: 65_536 }

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
  // made when it is asked for: most clients only publish or only receive
  let verdicts: TopicMemo<boolean> | null = null
  // and not the rules: one idle connection would keep a whole old file in memory
  let { edition } = source.current
  const find = (topic: string) => isAllowed(source.current, who, action, topic)
  // one event is asked about for thousands of clients: comparing with the last topic is faster than looking into each one's memo
  let lastTopic: string | null = null
  let lastVerdict = false
  return (topic) => {
    if (source.current.edition !== edition) {
      edition = source.current.edition
      verdicts?.forget()
      lastTopic = null
    }
    if (topic !== lastTopic) {
      verdicts ??= createTopicMemo(find, REMEMBERED)
      lastVerdict = verdicts.of(topic)
      lastTopic = topic
    }
    return lastVerdict
  }
}
