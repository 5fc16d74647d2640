import { appendFileSync } from 'node:fs'
import { type Goal, isReached, toText } from '../goals.ts'

/** One row of the table at the top of bench/RESULTS.md. */
export interface Finding {
  readonly what: string
  readonly measured: string
  /** The result of another server in the same run. */
  readonly peer: string
  readonly ratio: string
  /** What a bare Node.js server needs for the same job in the same run. */
  readonly floor: string
  readonly goal: string
  /** `not shown`: the load generator was too late to tell. Empty without a goal. */
  readonly reached: 'yes' | 'no' | 'not shown' | ''
  /** What prevents the goals that were missed. */
  readonly obstacles: readonly string[]
}

export interface Measurement extends Pick<Finding, 'what' | 'measured'> {
  readonly peer?: string
  readonly ratio?: string
  readonly floor?: string
  /** Goals, each with the value that was measured. */
  readonly goals?: readonly (readonly [Goal, number])[]
  /** Whether the load generator itself was so late that a miss says nothing about the server. */
  readonly isLoadLate?: boolean
}

export function toFinding({
  what,
  measured,
  peer = '',
  ratio = '',
  floor = '',
  goals = [],
  isLoadLate = false,
}: Measurement): Finding {
  const missed = goals.filter(([goal, value]) => !isReached(goal, value))
  const verdict = isLoadLate ? 'not shown' : 'no'
  return {
    what,
    measured,
    peer,
    ratio,
    floor,
    goal: goals.map(([one]) => toText(one)).join(', '),
    reached: goals.length === 0 ? '' : missed.length === 0 ? 'yes' : verdict,
    obstacles: missed.flatMap(([{ obstacle }]) => obstacle ?? []),
  }
}

/** A delay of the load generator itself above this part of a measured time makes that time doubtful. */
const LATE = 0.25

export function isLate(own: number, measured: number): boolean {
  return own > measured * LATE
}

/** Makes this part fail, but lets it go on, so that its results are seen. */
export function fail(reason: string): void {
  process.stderr.write(`${reason}\n`)
  process.exitCode = 1
}

/** Adds a row to that table if bench/bench.ts runs this part; does nothing if the part runs alone. */
export function report(measurement: Measurement): void {
  const file = process.env.BENCH_FINDINGS
  if (file) appendFileSync(file, `${JSON.stringify(toFinding(measurement))}\n`)
}
