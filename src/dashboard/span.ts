/** What time a chart shows: the last seconds up to now, all that there is where `last` is 0, or a fixed time in milliseconds since the Unix epoch. */
export type Span = { readonly last: number } | Fixed

export interface Fixed {
  readonly from: number
  readonly to: number
}

const SHORTEST_MS = 1000
const LONGEST_MS = 100 * 366 * 86_400_000

/** `factor` below 1 shows less time around the same middle, above 1 more. */
export function zoomed({ from, to }: Fixed, factor: number): Fixed {
  const middle = (from + to) / 2
  const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (to - from) * factor))
  return rounded({ from: middle - length / 2, to: middle + length / 2 })
}

/** Earlier or later by a part of what is shown; never beyond now. */
export function panned({ from, to }: Fixed, part: number, now: number): Fixed {
  const step = Math.min((to - from) * part, Math.max(0, now - to))
  return rounded({ from: from + step, to: to + step })
}

/** What somebody marked with the pointer, in seconds since the Unix epoch; at least a second of it. */
export function marked(from: number, to: number): Fixed {
  const start = Math.min(from, to) * 1000
  return rounded({ from: start, to: Math.max(start + SHORTEST_MS, Math.max(from, to) * 1000) })
}

function rounded({ from, to }: Fixed): Fixed {
  return { from: Math.max(0, Math.round(from)), to: Math.round(to) }
}
