import { appendFileSync } from 'node:fs'

/** One row of the table at the top of bench/RESULTS.md. */
export interface Finding {
  readonly what: string
  readonly measured: string
  /** The goal, or the result of another server in the same run. */
  readonly against: string
  readonly ratio: string
}

/** Adds a row to that table if bench/bench.ts runs this part; does nothing if the part runs alone. */
export function report(finding: Finding): void {
  const file = process.env.BENCH_FINDINGS
  if (file) appendFileSync(file, `${JSON.stringify(finding)}\n`)
}
