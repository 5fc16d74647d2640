export const print = (line = '') => void process.stdout.write(`${line}\n`)

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? Number.NaN
  return (low + high) / 2
}

/** `values[n] / others[n]`: compares results of the same round. */
export function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values.map((value, round) => value / (others[round] ?? Number.NaN))
}

export function medianRatio(values: readonly number[], others: readonly number[]): number {
  return median(ratios(values, others))
}

/** The median, with the lowest and highest of all rounds in brackets. */
export function withSpread(values: readonly number[], digits = 2): string {
  const shown = (value: number) => value.toFixed(digits)
  return `${shown(median(values))} (${shown(Math.min(...values))} to ${shown(Math.max(...values))})`
}

/** The 95 % confidence interval of the median, by order statistics. */
export function medianInterval(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  // uses the normal approximation of the binomial distribution
  const half = 0.98 * Math.sqrt(values.length)
  const low = Math.max(0, Math.floor(values.length / 2 - half))
  return [sorted[low] ?? Number.NaN, sorted.at(-1 - low) ?? Number.NaN]
}

/** Rotates `items` by `round`, so that none always comes first. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const from = round % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}

/** Prints aligned columns: the first to the left, the others to the right. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    print(cells.join('  ').trimEnd())
  }
}
