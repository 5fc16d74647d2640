import { type BridgeTopic, localFilter, remoteFilter } from '../config/bridge-topics.ts'
import { topicMatches } from '../topic/match.ts'
import { topicProblem } from '../topic/topic.ts'

/** The topic of a message on the other side, and its highest QoS there. */
export interface Destination {
  readonly topic: string
  readonly qos: 0 | 1
}

/** Translates topics between this gateway and the other broker. */
export interface Mapping {
  /** Filters for messages that go to the other broker, by their topics here. */
  readonly outgoing: readonly string[]
  /** Subscriptions for messages that come from the other broker, by their topics there. */
  readonly incoming: readonly { readonly filter: string; readonly qos: 0 | 1 }[]
  /** Null for a message that does not go there, or has no valid topic there. The first filter that covers it counts, as in Mosquitto. */
  toRemote(topic: string): Destination | null
  /** Null for a message that does not come from there, or has no valid topic here. */
  toLocal(topic: string): Destination | null
}

export function createMapping(topics: readonly BridgeTopic[]): Mapping {
  const out = topics.filter(({ direction }) => direction !== 'in').map(outwards)
  const into = topics.filter(({ direction }) => direction !== 'out').map(inwards)
  return {
    outgoing: out.map(({ from }) => from),
    incoming: strongest(into),
    toRemote: (topic) => destinationOf(out, topic),
    toLocal: (topic) => destinationOf(into, topic),
  }
}

/** A topic as a message goes through it. */
interface Way {
  readonly from: string
  readonly to: string
  readonly fromPrefix: string
  readonly toPrefix: string
  readonly qos: 0 | 1
}

function outwards(topic: BridgeTopic): Way {
  const [from, to] = [localFilter(topic), remoteFilter(topic)]
  const { qos, localPrefix: fromPrefix, remotePrefix: toPrefix } = topic
  return { from, to, fromPrefix, toPrefix, qos }
}

function inwards(topic: BridgeTopic): Way {
  const [from, to] = [remoteFilter(topic), localFilter(topic)]
  const { qos, remotePrefix: fromPrefix, localPrefix: toPrefix } = topic
  return { from, to, fromPrefix, toPrefix, qos }
}

function destinationOf(ways: readonly Way[], topic: string): Destination | null {
  for (const { from, to, fromPrefix, toPrefix, qos } of ways) {
    if (!topicMatches(from, topic)) continue
    const mapped = replacePrefix(topic, fromPrefix, toPrefix)
    // "#" behind a prefix must not reach names like "$SYS" on the other side
    if (mapped !== null && topicMatches(to, mapped))
      return topicProblem(mapped) === null ? { topic: mapped, qos } : null
  }
  return null
}

function replacePrefix(topic: string, prefix: string, by: string): string | null {
  if (topic.startsWith(prefix)) return by + topic.slice(prefix.length)
  // "a/#" covers "a" too [MQTT-4.7.1-2]
  return `${topic}/` === prefix && by.endsWith('/') ? by.slice(0, -1) : null
}

/** Each filter once, with the highest QoS that it has. */
function strongest(ways: readonly Way[]): Mapping['incoming'] {
  const byFilter = new Map<string, 0 | 1>()
  for (const { from, qos } of ways) byFilter.set(from, qos === 1 ? 1 : (byFilter.get(from) ?? 0))
  return [...byFilter].map(([filter, qos]) => ({ filter, qos }))
}
