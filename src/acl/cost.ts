import { PERCENT, PLUS } from './ascii.ts'
import type { Rule } from './rules.ts'

/**
 * Bytes that the filters of one section may take which have to be tried one by one: a message would wait while they
 * are. About 20,000 lines with "+" for one user; without wildcards there may be any number.
 */
export const MOST_COSTLY_BYTES = 512 * 1024

const LONG_BYTES = 256

/** What the rule costs every decision, in bytes to be looked at: nothing where its levels lead to it or away from it. */
export function costOf(file: Buffer, rule: Rule, isPattern: boolean): number {
  const length = rule.end - rule.filter
  if (length > LONG_BYTES) return length
  for (let at = rule.filter; at < rule.end; at++) {
    const byte = file[at]
    if (byte === PLUS || (isPattern && byte === PERCENT)) return length
  }
  return 0
}
