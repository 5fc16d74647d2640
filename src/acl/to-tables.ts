import { hash } from 'node:crypto'
import { DOLLAR, HASH, LOWER_C, LOWER_U, PERCENT, PLUS, SLASH } from './ascii.ts'
import { addTo, type Bits, toBits } from './bits.ts'
import { permits, type Rule, type Rules } from './rule.ts'
import { createRuleList, type RuleList } from './rule-list.ts'
import type { Steps } from './steps.ts'
import type { Column, NamesHeld, PatternPart, Table } from './table.ts'

const NO_NAMES: NamesHeld = { users: 0, clientIds: 0 }
// shared until something is entered: most levels need one of both, or none
const NONE = new Map<never, never>()
// V8 hashes longer strings badly: thousands of them could all fall into one place
const LONGEST_KEY = 256

/** A level as the key of a map: its bytes in Latin-1, or what stands for them. */
export function levelKey(bytes: Buffer, from: number, to: number): string {
  if (to - from <= LONGEST_KEY) return bytes.toString('latin1', from, to)
  return `/${hash('sha256', bytes.subarray(from, to))}`
}

type Draft<T> = { -readonly [K in keyof T]: T[K] extends Bits ? number[] : T[K] }
interface DraftTable extends Draft<Omit<Table, 'rules' | 'columns'>> {
  /** Its rules, where they are not all. */
  readonly list: RuleList | null
  readonly columns: DraftColumn[]
}
interface DraftColumn extends Draft<Omit<Column, 'literals' | 'parts'>> {
  literals: Map<string, number[] | number>
  parts: Map<string, Draft<PatternPart>>
  /** What the parts of each length may cost. */
  effortAlike: Map<number, number>
}

/**
 * The most that one decision may have to look at, some milliseconds' worth: thousands of rules that differ in a
 * hundred levels take a tenth of it.
 */
export const MOST_EFFORT = 1_500_000
// each rule or level costs something, however short it is
export const EFFORT_OF_RULE = 16
const EFFORT_OF_COLUMN = 200
const EFFORT_OF_BITS = 6

// bytes of filters, some fractions of a millisecond's worth
const BYTES_A_STEP = 8192

/** Puts the rules into as few tables as possible, in steps. Stops once they need more effort than is allowed. */
export function* toTables(file: Buffer, rules: Rules, arePatterns: boolean): Steps<Table[]> {
  const tables = new Map<string, DraftTable>()
  let bytes = 0
  let effort = 0
  let index = -1
  for (const rule of rules) {
    index += 1
    bytes += 64 + rule.end - rule.filter
    if (bytes > BYTES_A_STEP) {
      bytes = 0
      yield
    }
    const levels = levelsOf(file, rule, arePatterns)
    const shape = arePatterns ? shapeOf(levels) : ''
    let table = tables.get(shape)
    if (!table) {
      effort += levels.length * EFFORT_OF_COLUMN
      if (effort > MOST_EFFORT) break
      table = {
        // rules without names in them are all in one table
        list: arePatterns ? createRuleList() : null,
        columns: [],
        all: [],
        denies: [],
        publishes: [],
        receives: [],
        dollars: [],
        deepestDeny: 0,
      }
      tables.set(shape, table)
    }
    const place = table.list ? table.list.push(rule) - 1 : index
    addTo(table.all, place)
    if (rule.right === 'deny') addTo(table.denies, place)
    if (permits(rule.right, 'publish')) addTo(table.publishes, place)
    if (permits(rule.right, 'receive')) addTo(table.receives, place)
    if (file[rule.filter] === DOLLAR) addTo(table.dollars, place)
    if (rule.right === 'deny') table.deepestDeny = Math.max(table.deepestDeny, levels.length)
    for (const [depth, level] of levels.entries())
      enter(file, columnAt(table.columns, depth), level, place)
    const last = levels.at(-1)
    if (last && !isSign(file, last, HASH))
      addTo(columnAt(table.columns, levels.length).ended, place)
  }
  return Array.from(tables.values(), ({ list, ...table }) => ({ rules: list ?? rules, ...table }))
}

interface Level {
  readonly from: number
  readonly to: number
  readonly names: NamesHeld
}

function levelsOf(file: Buffer, { filter, end }: Rule, arePatterns: boolean): Level[] {
  const levels: Level[] = []
  for (let from = filter; from <= end; ) {
    let to = from
    while (to < end && file[to] !== SLASH) to += 1
    levels.push({ from, to, names: arePatterns ? namesIn(file, from, to) : NO_NAMES })
    from = to + 1
  }
  return levels
}

function namesIn(file: Buffer, from: number, to: number): NamesHeld {
  let users = 0
  let clientIds = 0
  for (let at = from; at + 1 < to; at++) {
    if (file[at] !== PERCENT) continue
    if (file[at + 1] === LOWER_U) users += 1
    else if (file[at + 1] === LOWER_C) clientIds += 1
  }
  return users + clientIds === 0 ? NO_NAMES : { users, clientIds }
}

/** Names may hold "/": where there are as many in each level, whoever asks, levels stay side by side. */
function shapeOf(levels: readonly Level[]): string {
  let shape = ''
  for (const [depth, { names }] of levels.entries())
    if (names !== NO_NAMES) shape += `${depth} ${names.users} ${names.clientIds},`
  return shape
}

function isSign(file: Buffer, { from, to }: Level, sign: number): boolean {
  return to - from === 1 && file[from] === sign
}

function columnAt(columns: DraftColumn[], depth: number): DraftColumn {
  for (;;) {
    const column = columns[depth]
    if (column) return column
    columns.push({
      any: [],
      plus: [],
      ended: [],
      rest: [],
      literals: NONE,
      parts: NONE,
      names: NO_NAMES,
      mostAlike: 0,
      partsEffort: 0,
      effortAlike: NONE,
    })
  }
}

function enter(file: Buffer, column: DraftColumn, level: Level, place: number): void {
  const { from, to, names } = level
  if (isSign(file, level, HASH)) {
    addTo(column.rest, place)
    return
  }
  addTo(column.any, place)
  if (isSign(file, level, PLUS)) {
    addTo(column.plus, place)
    return
  }
  const key = levelKey(file, from, to)
  if (names === NO_NAMES) {
    enterLiteral(column, key, place)
    return
  }
  let part = column.parts.get(key)
  let effort = 0
  if (!part) {
    part = { filter: from, end: to, bits: [] }
    if (column.parts === NONE) column.parts = new Map()
    column.parts.set(key, part)
    column.names = names
    effort = EFFORT_OF_RULE + to - from
  }
  const { length } = part.bits
  addTo(part.bits, place)
  effort += EFFORT_OF_BITS * (part.bits.length - length) + (column.effortAlike.get(to - from) ?? 0)
  if (column.effortAlike === NONE) column.effortAlike = new Map()
  column.effortAlike.set(to - from, effort)
  column.partsEffort = Math.max(column.partsEffort, effort)
}

function enterLiteral(column: DraftColumn, key: string, place: number): void {
  const known = column.literals.get(key)
  if (known === undefined) {
    if (column.literals === NONE) column.literals = new Map()
    column.literals.set(key, place)
    column.mostAlike = Math.max(column.mostAlike, 2)
    return
  }
  const alike = typeof known === 'number' ? toBits(known) : known
  if (alike !== known) column.literals.set(key, alike)
  addTo(alike, place)
  column.mostAlike = Math.max(column.mostAlike, alike.length)
}

/** At most: a level of a topic is one of the literals, and may be all parts that have its length, names put in. */
export function effortOf({ columns, all }: Table): number {
  return columns.reduce(
    (sum, { plus, rest, ended, mostAlike, parts, partsEffort }) =>
      sum +
      EFFORT_OF_COLUMN +
      EFFORT_OF_BITS * (plus.length + rest.length + ended.length + mostAlike) +
      2 * parts.size +
      partsEffort,
    EFFORT_OF_BITS * all.length,
  )
}
