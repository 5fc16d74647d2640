/** Whether a topic matches what somebody typed; `texts` are its device and its name for people. */
export type Matcher = (topic: string, ...texts: string[]) => boolean

/**
 * Words with blanks between them, all of which have to fit; quotes hold one with blanks together. One with a wildcard of MQTT as a level of its own is a topic filter, as
 * `kitchen/+/temperature`; any other is a part of the topic, of its name, or of the device.
 */
export function createMatcher(filter: string): Matcher {
  const words = (filter.match(/"[^"]+"|\S+/g) ?? []).map(unquoted)
  const tests = words.map(testOf)
  return (topic, ...texts) => tests.every((test) => test(topic, ...texts))
}

function testOf(word: string): Matcher {
  const levels = word.split('/')
  if (levels.some((level) => level === '+' || level === '#'))
    return (name) => covers(levels, name.split('/'))
  const wanted = word.toLowerCase()
  return (...texts) => texts.some((text) => text.toLowerCase().includes(wanted))
}

/** MQTT 4.7; names that begin with "$" are for filters that do too [MQTT-4.7.2-1]. */
function covers(filter: readonly string[], topic: readonly string[]): boolean {
  if (topic[0]?.startsWith('$') && !filter[0]?.startsWith('$')) return false
  for (const [index, level] of filter.entries()) {
    if (level === '#') return topic.length >= index
    if (topic[index] === undefined || (level !== '+' && level !== topic[index])) return false
  }
  return topic.length === filter.length
}

/** A level of topics, with how many there are below it. */
export interface Level {
  readonly name: string
  /** Covers it and all that is below it; the topic alone where that is all there is. */
  readonly filter: string
  readonly count: number
}

/** The next levels below a filter that ends with `#`, or the first ones; sorted by name. Empty for any other filter. */
export function levelsBelow(filter: string, names: readonly string[]): Level[] {
  const text = unquoted(filter.trim())
  const prefix = text === '' ? '' : (/^((?:[^/+#]*\/)+)#$/.exec(text)?.[1] ?? null)
  if (prefix === null) return []
  const counts = new Map<string, { count: number; isOpen: boolean }>()
  for (const name of names) {
    if (!name.startsWith(prefix)) continue
    const rest = name.slice(prefix.length)
    const end = rest.indexOf('/')
    const level = end === -1 ? rest : rest.slice(0, end)
    const known = counts.get(level)
    counts.set(level, { count: (known?.count ?? 0) + 1, isOpen: known?.isOpen || end !== -1 })
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { count, isOpen }]) => ({
      name,
      filter: quoted(`${prefix}${name}${isOpen ? '/#' : ''}`),
      count,
    }))
}

function quoted(word: string): string {
  return /\s/.test(word) ? `"${word}"` : word
}

function unquoted(word: string): string {
  return /^"[^"]+"$/.test(word) ? word.slice(1, -1) : word
}
