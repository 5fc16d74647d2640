import { createUnlimitedLedger } from '../../src/budget/ledger.ts'

/** As much memory as anybody likes. */
export const UNLIMITED = { memory: createUnlimitedLedger(), strangers: createUnlimitedLedger() }
