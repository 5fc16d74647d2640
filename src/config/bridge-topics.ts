import { filterProblem, hasWildcard } from '../topic/topic.ts'

export type BridgeDirection = 'out' | 'in' | 'both'

/** The topics that a bridge passes on, as in a `topic` line of mosquitto.conf. */
export interface BridgeTopic {
  /** Follows the prefix on both sides; empty where the prefixes are the whole topics. */
  readonly pattern: string
  /** As seen from here: `out` goes to the other broker. */
  readonly direction: BridgeDirection
  /** The highest QoS of publishing and subscribing. */
  readonly qos: 0 | 1
  /** The text before the pattern, here and at the other broker. */
  readonly localPrefix: string
  readonly remotePrefix: string
}

const FORM = 'PATTERN [out|in|both [QOS [LOCAL_PREFIX [REMOTE_PREFIX]]]]'
const DIRECTIONS: readonly string[] = ['out', 'in', 'both']

/** Reads a `topic` line without its first word. Throws an Error whose text follows the name of the option. */
export function parseBridgeTopic(line: string): BridgeTopic {
  const [pattern, direction = 'out', qos = '1', local = '', remote = '', ...more] = line
    .split(/[ \t]+/)
    .filter((word) => word !== '')
  if (pattern === undefined || more.length > 0) throw new Error(`must be ${FORM}`)
  if (!DIRECTIONS.includes(direction))
    throw new Error(`must have out, in or both after the pattern, not "${direction}"`)
  if (!['0', '1', '2'].includes(qos)) throw new Error(`has QoS ${qos}, but QoS must be 0, 1 or 2`)
  const topic: BridgeTopic = {
    pattern: orEmpty(pattern),
    direction: direction as BridgeDirection,
    // a bridge cannot recognize the second copy of a message, so it has no QoS 2
    qos: qos === '0' ? 0 : 1,
    localPrefix: orEmpty(local),
    remotePrefix: orEmpty(remote),
  }
  const problem = topicProblem(topic)
  if (problem) throw new Error(problem)
  return topic
}

/** The filter that a bridge reads or writes here. */
export function localFilter({ localPrefix, pattern }: BridgeTopic): string {
  return localPrefix + pattern
}

/** The filter that it reads or writes at the other broker. */
export function remoteFilter({ remotePrefix, pattern }: BridgeTopic): string {
  return remotePrefix + pattern
}

/** Reads topics that semicolons separate; throws an Error whose text follows the name of the option. */
export function parseBridgeTopics(text: string): readonly BridgeTopic[] {
  return text
    .split(';')
    .filter((line) => line.trim() !== '')
    .map(parseBridgeTopic)
}

/** The same topics as a text. */
export function bridgeTopicsText(topics: readonly BridgeTopic[]): string {
  const shown = (text: string) => (text === '' ? '""' : text)
  return topics
    .map(({ pattern, direction, qos, localPrefix, remotePrefix }) =>
      [shown(pattern), direction, qos, shown(localPrefix), shown(remotePrefix)].join(' '),
    )
    .join('; ')
}

function orEmpty(word: string): string {
  return word === '""' ? '' : word
}

function topicProblem(topic: BridgeTopic): string | null {
  for (const [side, filter, prefix] of [
    ['here', localFilter(topic), topic.localPrefix],
    ['at the other broker', remoteFilter(topic), topic.remotePrefix],
  ] as const) {
    if (hasWildcard(prefix)) return `has a wildcard in the prefix "${prefix}"`
    const problem = filterProblem(filter)
    if (problem) return `becomes "${filter}" ${side}, which ${problem}`
  }
  if (localFilter(topic).startsWith('$'))
    return `becomes "${localFilter(topic)}" here, but topics that start with "$" are reserved for the gateway`
  if (remoteFilter(topic).startsWith('$share/'))
    return 'must not be a shared subscription: messages that go to another member would be missing here'
  return null
}
