import type { Topic } from './topics.ts'

/** A value over time: one field of the payloads of a topic. */
export interface Source {
  readonly topic: Topic
  /** Its path; empty for the payload itself. */
  readonly field: string
}

/** What the line of a value is called. */
export type LabelOf = (topic: string, field: string) => string

/** A topic whose messages here have no values may have had some before. */
export function isNumber({ topic: { series, fields }, field }: Source): boolean {
  return series.has(field) || fields.size === 0
}

export function isState({ topic: { states }, field }: Source): boolean {
  return states.has(field)
}

/** No topic holds U+0000 [MQTT-1.5.4-2]. */
export function keyOf({ topic: { name }, field }: Source): string {
  return `${name}\0${field}`
}

/** What the line of a number is called where nobody says. */
export function plainLabel(topic: string, field: string): string {
  return field === '' ? topic : `${topic} ${nameOf(field)}`
}

/** As its publisher wrote it. */
export function nameOf(field: string): string {
  return field.replaceAll(/\\(.)/g, '$1')
}
