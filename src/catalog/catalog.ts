import { createTopicTrie } from '../topic/trie.ts'

/** An entry of the topics file for one number of a topic. */
export interface FieldEntry {
  /** The number of its line. */
  readonly line: number
  /** The JSON member that the number is, by its path with dots; null where it is the whole payload. */
  readonly field: string | null
  /** With `%1` for what the first wildcard of the pattern stands for, and so on. */
  readonly name: string | null
  readonly unit: string | null
  /** Home Assistant's device class. */
  readonly deviceClass: string | null
  readonly min: number | null
  readonly max: number | null
}

/** The entries of the topics file for one pattern. */
export interface TopicEntry {
  readonly pattern: string
  /** Milliseconds after which a topic is silent; null for never; undefined where the file does not say. */
  readonly silenceMs: number | null | undefined
  readonly fields: readonly FieldEntry[]
}

/** The settings of one topic. */
export interface TopicInfo {
  /** Null where no pattern covers it. */
  readonly entry: TopicEntry | null
  /** Null for never. */
  readonly silenceMs: number | null
}

/** The contents of the topics file. For each topic, the first pattern in the file that covers it counts. */
export interface Catalog {
  readonly entries: readonly TopicEntry[]
  /** For topics of which the file does not say; null for never. */
  readonly silenceMs: number | null
  of(topic: string): TopicInfo
}

export function createCatalog(entries: readonly TopicEntry[], silenceMs: number | null): Catalog {
  const byPattern = createTopicTrie<number>()
  for (const [index, { pattern }] of entries.entries()) byPattern.set(pattern, index)
  const infos = entries.map((entry) => ({
    entry,
    silenceMs: entry.silenceMs === undefined ? silenceMs : entry.silenceMs,
  }))
  const others: TopicInfo = { entry: null, silenceMs }

  return {
    entries,
    silenceMs,
    of: (topic) => infos[Math.min(...byPattern.covering(topic))] ?? others,
  }
}

const PLACE = /%([1-9])/g

/** The highest `%N` in a name. */
export function highestPlace(name: string): number {
  return Math.max(0, ...Array.from(name.matchAll(PLACE), ([, digit]) => Number(digit)))
}

/** How many `%N` a pattern can fill in. */
export function placesIn(pattern: string): number {
  return pattern.split('/').filter((level) => level === '+' || level === '#').length
}

/** The name of a number of a topic that `pattern` covers; the topic, and its member, where the file has none. */
export function numberName(pattern: string, { name, field }: FieldEntry, topic: string): string {
  if (name === null) return field === null ? topic : `${topic} ${field}`
  const levels = topic.split('/')
  const places = pattern.split('/').flatMap((level, at) => {
    if (level === '+') return [levels[at] ?? '']
    return level === '#' ? [levels.slice(at).join('/')] : []
  })
  return name.replaceAll(PLACE, (_, digit) => places[Number(digit) - 1] ?? '')
}
