import { createUnlimitedLedger } from '../../src/budget/ledger.ts'

/** A budget without a limit. */
export const UNLIMITED = { memory: createUnlimitedLedger(), strangers: createUnlimitedLedger() }
