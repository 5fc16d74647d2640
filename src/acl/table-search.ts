import { DOLLAR, HASH, PLUS } from './ascii.ts'
import { type Bits, both, either, lowest, toBits, without } from './bits.ts'
import { covers, type Names } from './covers.ts'
import type { Action, Rule } from './rule.ts'
import type { Column, NamesHeld, Table } from './table.ts'
import { levelKey } from './to-tables.ts'
import { startOf, type TopicBytes } from './topic-bytes.ts'

const NONE: Bits = []

/** What is asked of every table. */
export interface TableQuery {
  readonly file: Buffer
  readonly topic: TopicBytes
  /** Null for `topic` lines. */
  readonly names: Names | null
}

/** The first rule of the table that denies the topic, else the first that lets `action` happen, else null. */
export function strongestOf(table: Table, asked: TableQuery, action: Action): Rule | null {
  const found = coveringIn(table, asked)
  const allows = action === 'publish' ? table.publishes : table.receives
  const place = lowest(both(found, table.denies)) ?? lowest(both(found, allows))
  return place === null ? null : (table.rules.at(place) ?? null)
}

/** Which rules of the table cover the topic. */
function coveringIn({ columns, all }: Table, asked: TableQuery): Bits {
  const { topic, names } = asked
  const levels = topic.ends.length
  let found = NONE
  let open = all
  let level = 0
  for (const column of columns) {
    // "a/#" covers "a" too [MQTT-4.7.1-2], a wildcard in the first level never "$…" [MQTT-4.7.2-1]
    if (column.rest.length > 0 && !(level === 0 && topic.bytes[0] === DOLLAR))
      found = either(found, both(open, column.rest))
    if (level === levels) return either(found, both(open, column.ended))
    const next = levelAfter(column, level, names)
    if (next === null || next > levels) return found
    open = narrowed(open, column, asked, level, next)
    if (open.length === 0) return found
    level = next
  }
  return found
}

/** The level of the topic where the next column is, or null where a name is wanting. */
function levelAfter({ names: held }: Column, level: number, names: Names | null): number | null {
  const { users, clientIds } = held
  if ((users > 0 && !names?.user) || (clientIds > 0 && !names?.clientId)) return null
  return (
    level + 1 + users * (names?.user?.slashes ?? 0) + clientIds * (names?.clientId?.slashes ?? 0)
  )
}

/** Those of `open` that cover the topic from `level` to `next`. */
function narrowed(
  open: Bits,
  { plus, literals, parts, names: held }: Column,
  { file, topic, names }: TableQuery,
  level: number,
  next: number,
): Bits {
  // at the first level all are open
  const meet = (set: Bits) => (level === 0 || set.length === 0 ? set : both(open, set))
  const start = startOf(topic, level)
  const end = topic.ends[next - 1] ?? 0
  let rest = level === 0 && topic.bytes[0] === DOLLAR ? NONE : meet(plus)
  const same = literals.size > 0 ? alikeIn(literals, topic.bytes, start, end) : undefined
  if (same) rest = either(rest, meet(same))
  if (parts.size === 0) return rest
  const lengthened = names ? lengthening(held, names) : 0
  for (const part of parts.values()) {
    if (part.end - part.filter + lengthened !== end - start) continue
    const possible = meet(part.bits)
    if (possible.length > 0 && covers(file, part, topic, names, start, end))
      rest = either(rest, possible)
  }
  return rest
}

/** The rules with this text in a level; undefined where there is none. */
function alikeIn(
  literals: Column['literals'],
  bytes: Buffer,
  from: number,
  to: number,
): Bits | undefined {
  const found = literals.get(levelKey(bytes, from, to))
  return typeof found === 'number' ? toBits(found) : found
}

/** How many bytes longer a part gets with the names put in. */
function lengthening({ users, clientIds }: NamesHeld, { user, clientId }: Names): number {
  return users * ((user?.length ?? 0) - 2) + clientIds * ((clientId?.length ?? 0) - 2)
}

/** Which rules of a table without names cover some topic that a filter, given by its levels, covers too. */
export function overlappingIn({ columns, all, dollars }: Table, levels: readonly Buffer[]): Bits {
  const isSign = (level: Buffer, sign: number) => level.length === 1 && level[0] === sign
  const [first] = levels
  const wild = first !== undefined && (isSign(first, PLUS) || isSign(first, HASH))
  const hidden = first?.[0] === DOLLAR
  let found = NONE
  let open = wild ? without(all, dollars) : all
  for (const [depth, column] of columns.entries()) {
    const level = levels[depth]
    if (level && isSign(level, HASH)) return either(found, open)
    if (!(hidden && depth === 0)) found = either(found, both(open, column.rest))
    if (!level) return either(found, both(open, column.ended))
    if (isSign(level, PLUS)) open = both(open, column.any)
    else {
      const same = alikeIn(column.literals, level, 0, level.length) ?? NONE
      open = either(both(open, same), hidden && depth === 0 ? NONE : both(open, column.plus))
    }
    if (open.length === 0) return found
  }
  return found
}
