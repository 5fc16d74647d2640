// Also loaded by --import before tests whose properties are random: with FUZZ_SEED they are the same again.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'

const given = process.env.FUZZ_SEED

/** What random tests begin with; FUZZ_SEED repeats a run. */
export const SEED = Number(given ?? randomInt(2 ** 31))

if (given !== undefined) fc.configureGlobal({ seed: SEED })
