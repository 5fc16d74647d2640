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

/** The rules that a client is asked about. */
interface Source {
  readonly current: AclRules
}

/** Remembers verdicts until `source.current` is of another edition. */
export function createAccess(source: Source, who: Who): Access {
  return new RememberedAccess(source, who)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class RememberedAccess implements Access {
  readonly who: Who
  readonly #source: Source
  // made when they are asked for: most clients only publish or only receive
  #publish: Verdicts | null = null
  #receive: Verdicts | null = null

  constructor(source: Source, who: Who) {
    this.who = who
    this.#source = source
  }

  mayPublish(topic: string): boolean {
    this.#publish ??= new Verdicts(this.#source, this.who, 'publish')
    return this.#publish.of(topic)
  }

  mayReceive(topic: string): boolean {
    this.#receive ??= new Verdicts(this.#source, this.who, 'receive')
    return this.#receive.of(topic)
  }

  couldReceive(filters: readonly string[]): boolean {
    return couldReceive(this.#source.current, this.who, filters)
  }

  grants(): Grants {
    return grantsOf(this.#source.current, this.who)
  }
}

/** The verdicts on one action of one client. */
class Verdicts {
  readonly #source: Source
  readonly #who: Who
  readonly #action: Action
  readonly #memo: TopicMemo<boolean>
  // and not the rules: one idle connection would keep a whole old file in memory
  #edition: AclRules['edition']
  // one event is asked about for thousands of clients: comparing with the last topic is faster than looking into each one's memo
  #lastTopic: string | null = null
  #lastVerdict = false

  constructor(source: Source, who: Who, action: Action) {
    this.#source = source
    this.#who = who
    this.#action = action
    this.#edition = source.current.edition
    this.#memo = createTopicMemo((asked) => this.#find(asked), REMEMBERED)
  }

  of(topic: string): boolean {
    const { edition } = this.#source.current
    if (edition !== this.#edition) {
      this.#edition = edition
      this.#memo.forget()
      this.#lastTopic = null
    }
    if (topic !== this.#lastTopic) {
      this.#lastVerdict = this.#memo.of(topic)
      this.#lastTopic = topic
    }
    return this.#lastVerdict
  }

  #find(topic: string): boolean {
    return isAllowed(this.#source.current, this.#who, this.#action, topic)
  }
}
