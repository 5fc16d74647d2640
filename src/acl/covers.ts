import { DOLLAR, HASH, LOWER_C, LOWER_U, PERCENT, PLUS, SLASH } from './ascii.ts'
import type { Rule } from './rule.ts'
import type { Who } from './rules.ts'
import { type NameInTopic, placesOf, type TopicBytes, toNameInTopic } from './topic-bytes.ts'

/** The names that `%u` and `%c` stand for; null where there is none, and such a pattern covers nothing. */
export interface Names {
  readonly user: NameInTopic | null
  readonly clientId: NameInTopic | null
}

/** A missing or empty name becomes null. */
export function toNames({ user, clientId }: Who): Names {
  return {
    user: user ? toNameInTopic(user) : null,
    clientId: clientId ? toNameInTopic(clientId) : null,
  }
}

/**
 * Whether the rule's filter covers `topic`; `names` for a pattern, null for a `topic` line. Unlike `topicMatches` it compares
 * the file's bytes, which need not be UTF-8, and puts names in on the way, which may bring levels.
 * No filled-in text is built: a byte of the file is looked at once, whatever the names are. With `from` and `stop`,
 * whether one level of a filter covers that part of the topic.
 */
export function covers(
  file: Buffer,
  rule: Pick<Rule, 'filter' | 'end'>,
  topic: TopicBytes,
  names: Names | null,
  from = 0,
  stop = topic.bytes.length,
): boolean {
  const { bytes, ends } = topic
  const { end } = rule
  const user = names?.user
  const clientId = names?.clientId
  let at = rule.filter
  // a wildcard in the first level never covers "$…" [MQTT-4.7.2-1]
  if (bytes[0] === DOLLAR && (file[at] === PLUS || file[at] === HASH)) return false
  let place = from
  let level = 0
  while (at < end) {
    const byte = file[at] ?? 0
    // a quick way past: in ASCII all that is special here is no greater than "+"
    if (byte <= PLUS) {
      if (byte === HASH) return true
      if (byte === PLUS) {
        place = ends[level] ?? stop
        at += 1
        continue
      }
      if (byte === PERCENT && at + 1 < end) {
        const letter = file[at + 1]
        const name = letter === LOWER_U ? user : letter === LOWER_C ? clientId : undefined
        if (name === null) return false
        if (name) {
          name.places ??= placesOf(name.bytes, bytes)
          if (name.places[place] !== 1) return false
          place += name.length
          level += name.slashes
          at += 2
          continue
        }
      }
    }
    // "a/#" covers "a" too [MQTT-4.7.1-2]
    if (place === stop) return byte === SLASH && at + 2 === end && file[at + 1] === HASH
    if (byte !== bytes[place]) return false
    if (byte === SLASH) level += 1
    place += 1
    at += 1
  }
  return place === stop
}
