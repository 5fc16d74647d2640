/** Times in seconds since the Unix epoch, rising; null as a value is a break. */
export type Points = readonly [times: number[], values: (number | null)[]]

/** A gap is this many times as long as the usual time between two points. */
const LONG = 5
const SAMPLES = 200

/**
 * The points with a break wherever nothing came for much longer than usual, so that no line is drawn across missing time. `span` is
 * the length in seconds of what older points are means of: up to three of them may be empty.
 */
export function withGaps([times, values]: Points, span: number): Points {
  const longest = Math.max(LONG * usualStep(times), 3 * span)
  const [brokenTimes, brokenValues]: [number[], (number | null)[]] = [[], []]
  for (const [index, time] of times.entries()) {
    const before = times[index - 1]
    if (before !== undefined && time - before > longest) {
      brokenTimes.push((before + time) / 2)
      brokenValues.push(null)
    }
    brokenTimes.push(time)
    brokenValues.push(values[index] ?? null)
  }
  return [brokenTimes, brokenValues]
}

/** The median of the time between two points, of some of them where there are many. */
function usualStep(times: readonly number[]): number {
  const stride = Math.max(1, Math.floor(times.length / SAMPLES))
  const steps: number[] = []
  for (let index = 1; index < times.length; index += stride)
    steps.push((times[index] as number) - (times[index - 1] as number))
  steps.sort((a, b) => a - b)
  return steps[Math.floor(steps.length / 2)] ?? 0
}
