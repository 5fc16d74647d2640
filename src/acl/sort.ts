import type { Steps } from './steps.ts'

/** How long one step may take, in nanoseconds, about. */
export const SORT_STEP_NS = 65_536
const NUMBER_NS = 128

/**
 * The numbers from 0 to `count` (exclusive) as `compare` orders them; equal ones keep their order. A merge sort in steps:
 * `Int32Array#sort` would sort 100,000 names in one step of 200 ms. `comparisonNs` is the most that comparing a number with another
 * one takes, in nanoseconds, where that is more than a few.
 */
export function* sorted(
  count: number,
  compare: (a: number, b: number) => number,
  comparisonNs: (number: number) => number = () => 0,
): Steps<Int32Array> {
  let before = new Int32Array(count)
  let after = new Int32Array(count)
  for (let n = 0; n < count; n++) before[n] = n
  let ns = 0
  function isOrdered(left: number, right: number): boolean {
    ns += comparisonNs(before[left] as number)
    return compare(before[left] as number, before[right] as number) <= 0
  }
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count)
      const end = Math.min(middle + width, count)
      const isDone = middle === end || isOrdered(middle - 1, middle)
      let left = start
      let right = middle
      for (let at = start; at < end; at++) {
        const isLeft = right === end || (left < middle && (isDone || isOrdered(left, right)))
        after[at] = before[isLeft ? left++ : right++] as number
        ns += NUMBER_NS
        if (ns > SORT_STEP_NS) {
          ns = 0
          yield
        }
      }
    }
    const spare = before
    before = after
    after = spare
  }
  return before
}
