import type { Bits } from './bits.ts'
import type { Rules } from './rule.ts'

/**
 * Rules that are compared with a topic all at once: for each level it has the sets of rules by what they have there. In a set, a
 * rule is the bit at its index in `rules`. All rules of a table have `%u` and `%c` in the same levels, so that each of their levels
 * is the same level of a topic.
 */
export interface Table {
  readonly rules: Rules
  readonly columns: readonly Column[]
  readonly all: Bits
  readonly denies: Bits
  readonly publishes: Bits
  readonly receives: Bits
  /** Those that begin with "$". */
  readonly dollars: Bits
  readonly deepestDeny: number
}

/** One level of the rules of a table, or what comes after the last. */
export interface Column {
  /** Rules that have such a level, other than "#". */
  readonly any: Bits
  readonly plus: Bits
  /** By the level as `levelKey` gives it. A single rule is only its number, as most literals have one: a set takes more memory. */
  readonly literals: ReadonlyMap<string, Bits | number>
  /** Levels of patterns that names are put in. */
  readonly parts: ReadonlyMap<string, PatternPart>
  /** How often each part holds a name. */
  readonly names: NamesHeld
  /** Rules that end before this level. */
  readonly ended: Bits
  /** Rules that have "#" here. */
  readonly rest: Bits
  /** The length of the longest set in `literals`. */
  readonly mostAlike: number
  /** The most that comparing one level of a topic with `parts` can cost. */
  readonly partsEffort: number
}

/** The rules with the same text in one level. */
export interface PatternPart {
  /** Where the text of the first of them is in the file. */
  readonly filter: number
  readonly end: number
  readonly bits: Bits
}

/** How many `%u` and `%c` there are. */
export interface NamesHeld {
  readonly users: number
  readonly clientIds: number
}
