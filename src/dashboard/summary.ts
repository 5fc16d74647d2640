/** Count, minimum, mean and maximum of some numbers. */
export interface Summary {
  readonly count: number
  readonly min: number
  readonly mean: number
  readonly max: number
}

/** Of several parts, each by its count; null where there are none. */
export function summaryOf(parts: readonly Summary[]): Summary | null {
  let [count, mean, min, max] = [0, 0, Infinity, -Infinity]
  for (const part of parts) {
    if (part.count === 0) continue
    count += part.count
    // the sum of large numbers could be Infinity
    mean += (part.mean - mean) * (part.count / count)
    min = Math.min(min, part.min)
    max = Math.max(max, part.max)
  }
  return count === 0 ? null : { count, min, mean, max }
}

/** A mean has ten digits at most: more would pretend to a precision that it does not have. */
export function meanText(mean: number): string {
  return String(Number(mean.toPrecision(10)))
}
