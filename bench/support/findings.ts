import { appendFileSync } from 'node:fs'

/** One row of the table at the top of bench/RESULTS.md. */
export interface Finding {
  readonly what: string
  readonly measured: string
  /** What it is compared with: a goal, or a peer that was measured in the same run. */
  readonly against: string
  readonly ratio: string
}

/** Adds a row to that table where bench/bench.ts runs this part. Whoever runs the part alone reads its own table. */
export function report(finding: Finding): void {
  const file = process.env.BENCH_FINDINGS
  if (file) appendFileSync(file, `${JSON.stringify(finding)}\n`)
}
