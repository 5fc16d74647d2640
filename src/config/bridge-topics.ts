import { filterProblem, hasWildcard } from '../topic/topic.ts'

export type BridgeDirection = 'out' | 'in' | 'both'

/** What a bridge passes on, as a `topic` line of mosquitto.conf says it. */
export interface BridgeTopic {
  /** Comes after a prefix on either side; empty where the prefixes are the whole topics. */
  readonly pattern: string
  /** Seen from here: `out` goes to the other broker. */
  readonly direction: BridgeDirection
  /** The most that a message is published or subscribed to with. */
  readonly qos: 0 | 1
  /** In front of the pattern here, and at the other broker. */
  readonly localPrefix: string
  readonly remotePrefix: string
}

const FORM = 'PATTERN [out|in|both [QOS [LOCAL_PREFIX [REMOTE_PREFIX]]]]'
const DIRECTIONS: readonly string[] = ['out', 'in', 'both']

/** Reads a `topic` line without its first word. Throws an Error that is to be read after its name. */
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
    // a bridge has nothing that could tell a second copy from the first
    qos: qos === '0' ? 0 : 1,
    localPrefix: orEmpty(local),
    remotePrefix: orEmpty(remote),
  }
  const problem = topicProblem(topic)
  if (problem) throw new Error(problem)
  return topic
}

/** What a bridge reads or writes here. */
export function localFilter({ localPrefix, pattern }: BridgeTopic): string {
  return localPrefix + pattern
}

/** What it reads or writes at the other broker. */
export function remoteFilter({ remotePrefix, pattern }: BridgeTopic): string {
  return remotePrefix + pattern
}

/** Topics with semicolons between them; throws an Error that is to be read after their name. */
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
