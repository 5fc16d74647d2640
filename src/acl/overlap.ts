import { DOLLAR, HASH, PLUS, SLASH } from './ascii.ts'

/** Whether some topic is covered both by the filter `a` and by the one in `b` from `start` to `end`. */
export function overlap(a: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  // a wildcard in the first level never covers "$…" [MQTT-4.7.2-1]
  if (isWildcard(a[0]) ? b[start] === DOLLAR : a[0] === DOLLAR && isWildcard(b[start])) return false
  let i = 0
  let j = start
  for (;;) {
    if (a[i] === HASH || b[j] === HASH) return true
    if (a[i] === PLUS || b[j] === PLUS) {
      i = levelEnd(a, i, a.length)
      j = levelEnd(b, j, end)
    } else {
      while (i < a.length && j < end && a[i] === b[j] && a[i] !== SLASH) {
        i += 1
        j += 1
      }
      if ((i < a.length && a[i] !== SLASH) || (j < end && b[j] !== SLASH)) return false
    }
    if (i === a.length || j === end)
      return restIsNothing(a, i, a.length) && restIsNothing(b, j, end)
    i += 1
    j += 1
  }
}

function isWildcard(byte: number | undefined): boolean {
  return byte === PLUS || byte === HASH
}

function levelEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from
  while (at < end && bytes[at] !== SLASH) at += 1
  return at
}

// "/#" covers no further level too [MQTT-4.7.1-2]
function restIsNothing(bytes: Uint8Array, at: number, end: number): boolean {
  return at === end || (at + 2 === end && bytes[at + 1] === HASH)
}

/**
 * The levels of the filter that covers what both `a` and `b` cover; they must overlap. There is always one:
 * level by level the narrower of the two.
 */
export function intersection(a: readonly string[], b: readonly string[]): string[] {
  const common: string[] = []
  for (let level = 0; ; level++) {
    const [x, y] = [a[level], b[level]]
    if (x === '#') return [...common, ...b.slice(level)]
    if (y === '#') return [...common, ...a.slice(level)]
    if (x === undefined || y === undefined) return common
    common.push(x === '+' ? y : x)
  }
}

/** Whether every topic that `inner` covers is covered by `outer`, both given by their levels. */
export function includes(outer: readonly string[], inner: readonly string[]): boolean {
  if (inner[0]?.startsWith('$') && (outer[0] === '+' || outer[0] === '#')) return false
  for (const [level, wanted] of outer.entries()) {
    if (wanted === '#') return true
    const given = inner[level]
    if (given === undefined || given === '#' || (wanted !== '+' && wanted !== given)) return false
  }
  return inner.length === outer.length
}
