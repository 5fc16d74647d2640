import { readingTopicProblem } from './topic.ts'

/** What a topic is made of: the names of one value, as InfluxDB has them. */
export interface TopicNames {
  readonly device: string
  readonly measurement: string
  readonly tags: ReadonlyMap<string, string>
  /** Null where all fields go to one topic. */
  readonly field: string | null
}

/** A part of a level: text as it stands, or the name of what stands there. */
type LevelPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'device' | 'measurement' | 'field' }
  | { readonly kind: 'tag'; readonly name: string }

type Level =
  | { readonly kind: 'parts'; readonly parts: readonly LevelPart[] }
  /** No level where there is no such tag. */
  | { readonly kind: 'optional'; readonly name: string }
  /** A level `name=value` for each tag that the template does not name, in the order of their names. */
  | { readonly kind: 'tags' }

export interface TopicTemplate {
  readonly levels: readonly Level[]
  /** Whether each field has a topic of its own. */
  readonly hasField: boolean
  /** The tags that it names. */
  readonly named: readonly string[]
}

const PLACEHOLDER = /^\{(?:(device|measurement|field)|tag:([^{}/?]+))\}/

/** Reads a template such as `{device}/{measurement}/{tags}/{field}`. Throws an Error that says what would be right. */
export function parseTemplate(text: string): TopicTemplate {
  const levels = text.split('/').map(levelOf)
  const parts = levels.flatMap((level) => (level.kind === 'parts' ? level.parts : []))
  const named = [...levels, ...parts].flatMap((each) => ('name' in each ? [each.name] : []))
  const template = { levels, named, hasField: parts.some(({ kind }) => kind === 'field') }
  const tags = new Map(named.map((name) => [name, 'x']))
  const problem = readingTopicProblem(
    fillTemplate(template, { device: 'x', measurement: 'x', tags, field: 'x' }),
  )
  if (problem) throw new Error(`${problem},`)
  return template
}

function levelOf(text: string): Level {
  if (text === '{tags}') return { kind: 'tags' }
  const [, optional] = /^\{tag:([^{}/?]+)\?\}$/.exec(text) ?? []
  if (optional !== undefined) return { kind: 'optional', name: optional }
  const parts: LevelPart[] = []
  let rest = text
  while (rest !== '') {
    const [found, name, tag] = PLACEHOLDER.exec(rest) ?? []
    if (tag !== undefined) parts.push({ kind: 'tag', name: tag })
    else if (name !== undefined) parts.push({ kind: name as 'field' })
    const plain = found ?? /^[^{}]+/.exec(rest)?.[0]
    if (plain === undefined)
      throw new Error(`must not have ${JSON.stringify(rest)} in a level; it consists of ${FORM},`)
    if (found === undefined) parts.push({ kind: 'text', text: plain })
    rest = rest.slice(plain.length)
  }
  return { kind: 'parts', parts }
}

/** What a template may have. */
export const FORM =
  'levels made of text, {device}, {measurement}, {field} and {tag:NAME}; {tag:NAME?} and {tags} must be whole levels'

/** The topic of one value. Throws an Error where a tag is missing that has to be there. */
export function fillTemplate(template: TopicTemplate, names: TopicNames): string {
  const levels: string[] = []
  for (const level of template.levels)
    if (level.kind === 'parts') levels.push(level.parts.map((part) => fill(part, names)).join(''))
    else if (level.kind === 'tags') levels.push(...otherTags(template, names))
    else {
      const value = names.tags.get(level.name)
      if (value !== undefined) levels.push(escapeLevel(value))
    }
  return levels.join('/')
}

function fill(part: LevelPart, { device, measurement, tags, field }: TopicNames): string {
  switch (part.kind) {
    case 'text':
      return part.text
    // as the ACL file has it
    case 'device':
      return device
    case 'measurement':
      return escapeLevel(measurement)
    case 'field':
      return escapeLevel(field ?? '')
    case 'tag': {
      const value = tags.get(part.name)
      if (value === undefined) throw new Error(`the tag "${part.name}" is missing`)
      return escapeLevel(value)
    }
  }
}

function otherTags({ named }: TopicTemplate, { tags }: TopicNames): string[] {
  return [...tags]
    .filter(([name]) => !named.includes(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${escapeLevel(name)}=${escapeLevel(value)}`)
}

/** A value makes no levels and no wildcards: `/` is `%2F`, and so that no two values are the same, `%` is `%25`. */
function escapeLevel(value: string): string {
  return value.replace(/[%/+#\u0000-\u001f\u007f-\u009f]/g, encodeURIComponent)
}
