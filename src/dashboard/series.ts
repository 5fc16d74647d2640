/** Numbers over time; the oldest go when it is full. */
export interface Series {
  /** Times in milliseconds since the Unix epoch; one that comes late goes where it belongs. NaN as a value is a break. */
  add(time: number, value: number): void
  /** From the first point at or after `since`: times in seconds, null for a break. */
  since(since: number): [times: number[], values: (number | null)[]]
  /** The last `count` values, oldest first. */
  last(count: number): number[]
  /** Keeps as many as a chart shows, from here on. */
  keep(): void
  readonly size: number
}

const FIRST_CAPACITY = 32
/** Enough for a card, and for a chart until the log has answered. */
const FEW_POINTS = 256
export const MOST_POINTS = 8192

export function createSeries(most = FEW_POINTS): Series {
  let limit = most
  let times = new Float64Array(FIRST_CAPACITY)
  let values = new Float64Array(FIRST_CAPACITY)
  let start = 0
  let size = 0

  const place = (index: number) => (start + index) % times.length

  function grow(): void {
    const larger = Math.min(times.length * 2, limit)
    const inOrder = (from: Float64Array) => {
      const copy = new Float64Array(larger)
      for (let index = 0; index < size; index++) copy[index] = from[place(index)] as number
      return copy
    }
    const grown = [inOrder(times), inOrder(values)] as const
    ;[times, values] = grown
    start = 0
  }

  return {
    add(time, value) {
      if (size === times.length && size < limit) grow()
      if (size === limit) {
        if (time < (times[start] as number)) return
        start = place(1)
        size -= 1
      }
      let index = size
      for (; index > 0 && (times[place(index - 1)] as number) > time; index--) {
        times[place(index)] = times[place(index - 1)] as number
        values[place(index)] = values[place(index - 1)] as number
      }
      times[place(index)] = time
      values[place(index)] = value
      size += 1
    },
    since(since) {
      const [seconds, shown]: [number[], (number | null)[]] = [[], []]
      for (let index = 0; index < size; index++) {
        const at = place(index)
        if ((times[at] as number) < since) continue
        const value = values[at] as number
        seconds.push((times[at] as number) / 1000)
        shown.push(Number.isNaN(value) ? null : value)
      }
      return [seconds, shown]
    },
    last(count) {
      const from = Math.max(0, size - count)
      return Array.from(
        { length: size - from },
        (_, index) => values[place(from + index)] as number,
      )
    },
    keep() {
      limit = MOST_POINTS
    },
    get size() {
      return size
    },
  }
}
