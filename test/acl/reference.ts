import type { Action } from '../../src/acl/rule.ts'
import type { Who } from '../../src/acl/rules.ts'

interface Rule {
  readonly line: number
  readonly access: string
  readonly filter: string
}

/** What Mosquitto 2.0 does with an ACL file without errors, step by step and slowly. */
export function referenceDecide(
  file: string,
  { user, clientId }: Who,
  action: Action,
  topic: string,
): { allowed: boolean; line: number | null } {
  const sections = new Map<string | null, Rule[]>()
  const patterns: Rule[] = []
  let owner: string | null = null
  for (const [index, raw] of file.split('\n').entries()) {
    const text = raw.replace(/[ \t\v\f\r]+$/, '')
    if (text === '' || text.startsWith('#')) continue
    const [, keyword, rest = ''] = /^ *(user|topic|pattern) +(.*)$/s.exec(text) ?? []
    if (keyword === 'user') {
      owner = rest.replace(/^[ \t\v\f\r]+/, '')
      continue
    }
    const [, access = 'readwrite', filter = rest] =
      /^(read|write|readwrite|deny) [ \t\v\f\r]*(.*)$/s.exec(rest) ?? []
    const rule = { line: index + 1, access, filter }
    if (keyword === 'pattern') patterns.push(rule)
    else sections.set(owner, [...(sections.get(owner) ?? []), rule])
  }

  const refused = { allowed: false, line: null }
  if (topic.startsWith('$share')) return refused
  if (topic.startsWith('$SYS') && action === 'publish')
    if (!referenceMatches('$SYS/broker/connection/+/state', topic)) return refused

  const direction = action === 'publish' ? 'write' : 'read'
  const first = (rules: readonly Rule[], fill: (filter: string) => string) => {
    const covering = rules.filter((rule) => referenceMatches(fill(rule.filter), topic))
    const deny = covering.find((rule) => rule.access === 'deny')
    if (deny) return { allowed: false, line: deny.line }
    const allow = covering.find((rule) => rule.access.includes(direction))
    return allow && { allowed: true, line: allow.line }
  }
  const own = first(sections.get(user) ?? [], (filter) => filter)
  if (own) return own
  if (/[+#]/.test(`${user ?? ''}${clientId}`)) return refused
  const asked = patterns.filter((rule) => user !== null || !rule.filter.includes('%u'))
  const fill = (filter: string) =>
    filter.replace(/%[uc]/g, (name) => (name === '%u' ? (user ?? '') : clientId))
  return first(asked, fill) ?? refused
}

/** Compares level by level, as MQTT 4.7 describes it. */
export function referenceMatches(filter: string, topic: string): boolean {
  if (filter === '' || topic === '' || filter.startsWith('$') !== topic.startsWith('$'))
    return false
  const match = (filters: readonly string[], topics: readonly string[]): boolean => {
    const [level, ...deeper] = filters
    if (level === '#') return true
    if (level === undefined || topics.length === 0) return filters.length === topics.length
    return (level === '+' || level === topics[0]) && match(deeper, topics.slice(1))
  }
  return match(filter.split('/'), topic.split('/'))
}
