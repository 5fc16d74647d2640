import type { Hold } from '../budget/ledger.ts'
import { MAX_TOPIC_BYTES } from '../topic/topic.ts'
import { noMemory } from './holds.ts'
import type { Publish } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** The topic of a client's PUBLISH, by its alias where it sends one in place of the topic [MQTT 5 §3.3.2.3.4]. */
export type ResolveTopic = (packet: Publish) => string

/** Characters that the topic of an alias may have on average, which bounds what is remembered for a client. */
const AVERAGE_LENGTH = 1024

/** `most` is the Topic Alias Maximum that CONNACK has told the client. */
export function createTopicResolver(most: number, held: Pick<Hold, 'resize'>): ResolveTopic {
  const topics = new Map<number, string>()
  const mostLength = Math.max(MAX_TOPIC_BYTES, most * AVERAGE_LENGTH)
  let length = 0

  function set(topicAlias: number, topic: string): void {
    length += topic.length - (topics.get(topicAlias)?.length ?? 0)
    if (length > mostLength)
      throw new ProtocolError(
        Reason.topicAliasInvalid,
        `set topic aliases for topics of more than ${mostLength} characters in total`,
      )
    if (!held.resize(length)) throw noMemory()
    topics.set(topicAlias, topic)
  }

  return ({ topic, topicAlias }) => {
    if (topicAlias === 0) return topic
    if (topicAlias > most)
      throw new ProtocolError(
        Reason.topicAliasInvalid,
        `sent topic alias ${topicAlias}; at most ${most} are allowed [MQTT-3.3.2-9]`,
      )
    if (topic !== '') {
      set(topicAlias, topic)
      return topic
    }
    const known = topics.get(topicAlias)
    if (known === undefined)
      throw new ProtocolError(
        Reason.protocolError,
        `sent topic alias ${topicAlias} without having set it [MQTT-3.3.2-12]`,
      )
    return known
  }
}

/** A topic as a PUBLISH to a client has it. */
export interface Aliased {
  readonly topic: string
  /** 0 for none. */
  readonly topicAlias: number
}

/** Gives the first topics that are sent to a client an alias each. */
export interface TopicAliases {
  of(topic: string): Aliased
  /** The packet that was to set the topic's alias is not sent; called before the next `of`. */
  takeBack(topic: string): void
}

/** `most` aliases; topics that are longer than the average get none. */
export function createTopicAliases(most: number): TopicAliases {
  const aliases = new Map<string, number>()
  return {
    of(topic) {
      const known = aliases.get(topic)
      if (known !== undefined) return { topic: '', topicAlias: known }
      if (aliases.size >= most || topic.length > AVERAGE_LENGTH) return { topic, topicAlias: 0 }
      aliases.set(topic, aliases.size + 1)
      return { topic, topicAlias: aliases.size }
    },
    takeBack: (topic) => void aliases.delete(topic),
  }
}
