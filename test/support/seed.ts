// Also loaded by --import before random tests: FUZZ_SEED repeats a run.
import { randomInt } from 'node:crypto'
import fc from 'fast-check'

const given = process.env.FUZZ_SEED

/** The seed of random tests; set by FUZZ_SEED to repeat a run. */
export const SEED = Number(given ?? randomInt(2 ** 31))

if (given !== undefined) fc.configureGlobal({ seed: SEED })
