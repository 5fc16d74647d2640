import { HASH, SLASH } from './ascii.ts'
import type { Branch, Rule, Section } from './rules.ts'
import type { TopicBytes } from './topic-bytes.ts'

const FEW = 16
const NO_BRANCHES: ReadonlyMap<string, Branch> = new Map()

/** Yields between steps of a few milliseconds, however many rules there are. */
export function* toSection(
  file: Buffer,
  rules: readonly Rule[],
  arePatterns: boolean,
): Generator<undefined, Section> {
  if (rules.length <= FEW) return { rules, tree: null }
  const tree = yield* divide(file, whole(rules), arePatterns, { done: 0 })
  return { rules, tree }
}

/** A million rules are not copied in one step. */
function* whole(rules: readonly Rule[]): Generator<Undivided> {
  for (const rule of rules) yield { rule, at: rule.filter }
}

/** The rules that may cover `topic`, every one that does among them, in no order. */
export function candidates(section: Section, topic: TopicBytes): readonly Rule[] {
  if (!section.tree) return section.rules
  const found: Rule[] = []
  collect(section.tree, topic, 0, found)
  return found
}

function collect(branch: Branch, topic: TopicBytes, level: number, found: Rule[]): void {
  for (const rule of branch.rules) found.push(rule)
  const end = topic.ends[level]
  if (branch.next.size === 0 || end === undefined) return
  const from = level === 0 ? 0 : (topic.ends[level - 1] ?? 0) + 1
  const same = branch.next.get(topic.bytes.toString('latin1', from, end))
  if (same) collect(same, topic, level + 1, found)
  const any = branch.next.get('+')
  if (any) collect(any, topic, level + 1, found)
}

interface Undivided {
  readonly rule: Rule
  /** Where the level begins by which to divide; past the rule's end when it has no more levels. */
  readonly at: number
}

const RULES_A_STEP = 2000

function* divide(
  file: Buffer,
  undivided: Iterable<Undivided>,
  arePatterns: boolean,
  work: { done: number },
): Generator<undefined, Branch> {
  const rules: Rule[] = []
  const ending = new Set<string>()
  const groups = new Map<string, Undivided[]>()
  for (const { rule, at } of undivided) {
    work.done += 1
    if (work.done % RULES_A_STEP === 0) yield
    if (at > rule.end || file[at] === HASH) {
      // the same once more says nothing more, and thousands of it would all have to be tried
      const what = `${rule.right} ${at > rule.end ? '' : '#'}`
      if (!ending.has(what)) rules.push(rule)
      ending.add(what)
      continue
    }
    const end = levelEnd(file, at, rule.end)
    const level = file.toString('latin1', at, end)
    // a name put in may hold "/" and so be any number of levels
    if (arePatterns && /%[uc]/.test(level)) {
      rules.push(rule)
      continue
    }
    const group = groups.get(level)
    if (group) group.push({ rule, at: end + 1 })
    else groups.set(level, [{ rule, at: end + 1 }])
  }
  const next = new Map<string, Branch>()
  for (const [level, group] of groups) {
    if (group.length > FEW) next.set(level, yield* divide(file, group, arePatterns, work))
    else next.set(level, { rules: group.map(({ rule }) => rule), next: NO_BRANCHES })
    work.done += 1
    if (work.done % RULES_A_STEP === 0) yield
  }
  return { rules, next }
}

function levelEnd(file: Buffer, from: number, end: number): number {
  let at = from
  while (at < end && file[at] !== SLASH) at += 1
  return at
}
