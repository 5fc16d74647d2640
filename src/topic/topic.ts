/** Longest topic name or filter, in bytes of UTF-8 [MQTT-4.7.3-3]. */
export const MAX_TOPIC_BYTES = 65_535
/** Most levels in a topic name or filter, on every door. */
export const MAX_TOPIC_LEVELS = 100

// U+0000 [MQTT-1.5.3-2], and what MQTT 3.1.1 §1.5.3 lets a receiver refuse: control characters and
// non-characters. Mosquitto refuses the same.
const UNUSABLE =
  /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/

/** Whether a text has a wildcard character, so that it is not a topic name [MQTT-4.7.1-1]. */
export function hasWildcard(topic: string): boolean {
  return topic.includes('+') || topic.includes('#')
}

/** Why `topic` is not a valid MQTT topic name (a sentence without its subject), or null if it is valid. */
export function topicProblem(topic: string): string | null {
  if (hasWildcard(topic)) return 'must not contain a wildcard ("+" or "#") [MQTT-3.3.2-2]'
  return stringProblem(topic)
}

/** As `topicProblem`; also refuses "$…", which is reserved for the broker. */
export function readingTopicProblem(topic: string): string | null {
  if (topic.startsWith('$'))
    return 'must not start with "$": such topics are reserved for the broker'
  return topicProblem(topic)
}

/** Why `filter` is not a valid topic filter (a sentence without its subject), or null if it is valid. */
export function filterProblem(filter: string): string | null {
  const problem = stringProblem(filter)
  if (problem) return problem
  const levels = filter.split('/')
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1))
      return 'may contain "#" only as its whole last level [MQTT-4.7.1-2]'
    if (level.includes('+') && level !== '+')
      return 'may contain "+" only as a whole level [MQTT-4.7.1-3]'
  }
  return null
}

function stringProblem(text: string): string | null {
  if (text === '') return 'must not be empty [MQTT-4.7.3-1]'
  if (!text.isWellFormed()) return 'must be valid Unicode [MQTT-1.5.3-1]'
  if (UNUSABLE.test(text)) return 'must not contain control characters or Unicode non-characters'
  // a code unit takes at most three bytes, so short texts need no counting
  if (text.length > MAX_TOPIC_BYTES / 3 && Buffer.byteLength(text) > MAX_TOPIC_BYTES)
    return `must be at most ${MAX_TOPIC_BYTES} bytes long`
  if (levelCount(text) > MAX_TOPIC_LEVELS) return `must have at most ${MAX_TOPIC_LEVELS} levels`
  return null
}

function levelCount(text: string): number {
  let levels = 1
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) levels += 1
  return levels
}
