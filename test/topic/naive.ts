import fc from 'fast-check'

/** MQTT 3.1.1 §4.7 as a regular expression over the whole topic: a slow reference for the fast code. */
export function covers(filter: string, topic: string): boolean {
  return patternOf(filter).test(topic)
}

const patterns = new Map<string, RegExp>()

function patternOf(filter: string): RegExp {
  const known = patterns.get(filter)
  if (known) return known
  const [first, ...deeper] = filter.split('/').map((level) => {
    if (level === '+') return '[^/]*'
    return level === '#' ? '#' : level.replaceAll('$', '\\$')
  })
  // "a/#" covers "a" [MQTT-4.7.1-2]; a first level "#" or "+" covers no "$" [MQTT-4.7.2-1]
  const noDollar = filter.startsWith('$') ? '' : '(?!\\$)'
  const start = first === '#' ? '.*' : first
  const rest = deeper.map((level) => (level === '#' ? '(?:/.*)?' : `/${level}`)).join('')
  const pattern = new RegExp(`^${noDollar}${start}${rest}$`, 'su')
  patterns.set(filter, pattern)
  return pattern
}

const NAMES = ['', 'a', 'b', '$x']
/** A level that no filter below names, so that only wildcards cover it. */
const OTHER = 'z'

const isNamed = (path: string) => path !== ''
const level = fc.constantFrom(...NAMES, 'ab', '$SYS', 'é')

export const topic = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter(isNamed)

function filterOf(name: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> {
  const levels = fc.array(fc.oneof(name, fc.constant('+')), { maxLength })
  return fc
    .tuple(levels, fc.boolean())
    .map(([some, hasRest]) => [...some, ...(hasRest ? ['#'] : [])].join('/'))
    .filter(isNamed)
}

export const filter = filterOf(level, 5)

/** Filters of at most three levels, so that `TOPICS` distinguish any two of them; the empty topic, which "+" covers, is included. */
export const shortFilter = filterOf(fc.constantFrom(...NAMES), 2)

export const TOPICS: readonly string[] = [1, 2, 3, 4].flatMap(pathsOf)

function pathsOf(levels: number): string[] {
  const names = [...NAMES, OTHER]
  if (levels === 1) return names
  return pathsOf(levels - 1).flatMap((path) => names.map((name) => `${path}/${name}`))
}
