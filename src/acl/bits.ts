/**
 * A set of small numbers as pairs, ascending: the index of a group of 32 (number / 32), then the group's bits. Empty groups are
 * left out. One step handles 32 rules, however sparse the set is.
 */
export type Bits = readonly number[]

/** Adds `number`, which no member of `bits` exceeds. */
export function addTo(bits: number[], number: number): void {
  const last = bits.length - 2
  const bit = 1 << (number & 31)
  if (bits[last] === number >>> 5) bits[last + 1] = (bits[last + 1] ?? 0) | bit
  else bits.push(number >>> 5, bit)
}

/** The set of one number. */
export function toBits(number: number): number[] {
  return [number >>> 5, 1 << (number & 31)]
}

/** What is in both sets; quick where one of them is small. */
export function both(a: Bits, b: Bits): Bits {
  if (a.length > b.length) return both(b, a)
  const common: number[] = []
  // a few looked up among many, or side by side
  const leaps = a.length * 8 < b.length
  let j = 0
  for (let i = 0; i < a.length && j < b.length; i += 2) {
    const word = a[i] ?? 0
    if (leaps) j = firstFrom(b, j, word)
    else while (j < b.length && (b[j] ?? 0) < word) j += 2
    const bits = b[j] === word ? (a[i + 1] ?? 0) & (b[j + 1] ?? 0) : 0
    if (bits !== 0) common.push(word, bits)
  }
  return common
}

/** What is in either set. */
export function either(a: Bits, b: Bits): Bits {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const all: number[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const left = a[i] ?? Number.POSITIVE_INFINITY
    const right = b[j] ?? Number.POSITIVE_INFINITY
    all.push(
      Math.min(left, right),
      (left <= right ? (a[i + 1] ?? 0) : 0) | (right <= left ? (b[j + 1] ?? 0) : 0),
    )
    if (left <= right) i += 2
    if (right <= left) j += 2
  }
  return all
}

/** What is in `a` but not in `b`. */
export function without(a: Bits, b: Bits): Bits {
  const rest: number[] = []
  for (let i = 0, j = 0; i < a.length; i += 2) {
    const word = a[i] ?? 0
    while (j < b.length && (b[j] ?? 0) < word) j += 2
    const bits = (a[i + 1] ?? 0) & ~(b[j] === word ? (b[j + 1] ?? 0) : 0)
    if (bits !== 0) rest.push(word, bits)
  }
  return rest
}

/** The smallest member, or null. */
export function lowest([word, bits]: Bits): number | null {
  return word === undefined || bits === undefined ? null : word * 32 + lowestOf(bits)
}

/** Every member, ascending. */
export function* membersOf(bits: Bits): Generator<number> {
  for (let i = 0; i < bits.length; i += 2)
    for (let rest = bits[i + 1] ?? 0; rest !== 0; rest &= rest - 1)
      yield (bits[i] ?? 0) * 32 + lowestOf(rest)
}

function lowestOf(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}

function firstFrom(bits: Bits, from: number, word: number): number {
  let low = from / 2
  let high = bits.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((bits[middle * 2] ?? 0) < word) low = middle + 1
    else high = middle
  }
  return low * 2
}
