/** Whether a valid `filter` covers `topic` [MQTT 3.1.1 §4.7]. */
export function topicMatches(filter: string, topic: string): boolean {
  // a topic is a filter that covers only itself
  return overlaps(filter, topic)
}

/** Whether some topic is covered by both `a` and `b`, valid filters or topics. */
export function overlaps(a: string, b: string): boolean {
  if (isHidden(a, b) || isHidden(b, a)) return false
  let i = 0
  let j = 0
  for (;;) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(j)
    if (x === HASH || y === HASH) return true
    if (x === PLUS || y === PLUS) {
      i = levelEnd(a, i)
      j = levelEnd(b, j)
    } else {
      let same = x
      while (same === b.charCodeAt(j) && same !== SLASH) {
        i += 1
        j += 1
        same = a.charCodeAt(i)
      }
      if (i < a.length && same !== SLASH) return false
      if (j < b.length && b.charCodeAt(j) !== SLASH) return false
    }
    if (i === a.length || j === b.length) return isDone(a, i) && isDone(b, j)
    i += 1
    j += 1
  }
}

/**
 * The filter that covers exactly the topics that both `a` and `b` cover, all given by their levels: level by level the narrower
 * of the two. Null where there is no such topic.
 */
export function intersection(a: readonly string[], b: readonly string[]): string[] | null {
  const [first = '', other = ''] = [a[0], b[0]]
  if (isHidden(first, other) || isHidden(other, first)) return null
  const common: string[] = []
  for (let level = 0; ; level++) {
    const [x, y] = [a[level], b[level]]
    if (x === '#') return [...common, ...b.slice(level)]
    if (y === '#') return [...common, ...a.slice(level)]
    if (x === undefined || y === undefined) return x === y ? common : null
    if (x !== y && x !== '+' && y !== '+') return null
    common.push(x === '+' ? y : x)
  }
}

/** Whether every topic that `inner` covers is covered by `outer`, both given by their levels. */
export function includes(outer: readonly string[], inner: readonly string[]): boolean {
  // "+/#" covers the same topics as "#": every topic has a first level
  const wanted = inner[0] === '#' ? ['+', '#'] : inner
  const common = intersection(outer, wanted)
  return common?.length === wanted.length && common.every((level, index) => level === wanted[index])
}

/** As `includes`, for filters as text. */
export function filterIncludes(outer: string, inner: string): boolean {
  // the most common filter, decided without splitting
  if (outer === '#') return !inner.startsWith('$')
  if (outer === inner) return true
  // most pairs do not overlap, which is cheaper to find out
  return overlaps(outer, inner) && includes(outer.split('/'), inner.split('/'))
}

/** The narrowest filter that covers all topics of two overlapping filters. */
export function leastCover(a: string, b: string): string {
  if (filterIncludes(a, b)) return a
  if (filterIncludes(b, a)) return b
  const [one, other] = [a.split('/'), b.split('/')]
  const levels: string[] = []
  for (let level = 0; level < Math.max(one.length, other.length); level++) {
    const [x, y] = [one[level], other[level]]
    if (x === undefined || y === undefined || x === '#' || y === '#') {
      levels.push('#')
      break
    }
    levels.push(x === y ? x : '+')
  }
  const wide = levels.join('/')
  // "#" covers the same topics: every topic has a first level
  return wide === '+/#' ? '#' : wide
}

/** Wildcards in the first level never cover names that start with "$" [MQTT-4.7.2-1]. */
function isHidden(name: string, filter: string): boolean {
  if (name.charCodeAt(0) !== DOLLAR) return false
  const first = filter.charCodeAt(0)
  return first === PLUS || first === HASH
}

const HASH = 0x23
const DOLLAR = 0x24
const PLUS = 0x2b
const SLASH = 0x2f

function levelEnd(text: string, from: number): number {
  const slash = text.indexOf('/', from)
  return slash === -1 ? text.length : slash
}

/** "a/#" covers "a" too [MQTT-4.7.1-2]. */
function isDone(text: string, at: number): boolean {
  return at === text.length || (at + 2 === text.length && text.charCodeAt(at + 1) === HASH)
}
