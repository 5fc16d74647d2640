import { fromBase64 } from '../net/base64.ts'
import type { Reading } from '../relay/relay.ts'
import type { MessageProperties } from '../topic/message.ts'
import {
  MAX_PROPERTIES_BYTES,
  MAX_USER_PROPERTIES,
  propertiesByteLength,
} from '../topic/properties.ts'
import { topicProblem } from '../topic/topic.ts'

/** The most seconds that four bytes can hold [MQTT 5 §3.3.2.3.3]. */
export const MAX_MESSAGE_EXPIRY = 0xffff_ffff

/** The properties that a publisher can set, by the names that AWS IoT uses. */
export type PublishPropertyName = keyof typeof PROBLEMS
/** The values as they are in JSON, not checked yet. */
export type GivenProperties = Readonly<Partial<Record<PublishPropertyName, unknown>>>
export type ReadProperties = Pick<Reading, 'properties' | 'messageExpiry'>

/** What is wrong: a sentence without its subject, which is the property `name`, or all properties where `name` is null. */
export interface PropertyFault {
  readonly name: PublishPropertyName | null
  readonly problem: string
}

const PROBLEMS = {
  contentType: textProblem,
  messageExpiry: (value: unknown) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_MESSAGE_EXPIRY
      ? null
      : `must be a whole number of seconds from 1 to ${MAX_MESSAGE_EXPIRY}; leave it out for a message that does not expire`,
  responseTopic: (value: unknown) =>
    typeof value === 'string' ? topicProblem(value) : 'must be a string',
  payloadFormatIndicator: (value: unknown) =>
    value === 0 || value === 1 ? null : 'must be 0 for bytes or 1 for UTF-8',
  correlationData: (value: unknown) =>
    typeof value === 'string' && fromBase64(value) ? null : 'must be base64',
  userProperties: userPropertiesProblem,
}

export const PROPERTY_NAMES = Object.keys(PROBLEMS) as PublishPropertyName[]

/** The checked values. */
interface Checked extends Omit<MessageProperties, 'correlationData'> {
  readonly messageExpiry?: number
  readonly correlationData?: string
}

/** What a message without properties has. */
export const NO_PROPERTIES: ReadProperties = { properties: null, messageExpiry: null }

/** The properties of a message, or the first fault in them. */
export function parseProperties(given: GivenProperties): ReadProperties | PropertyFault {
  if (hasNone(given)) return NO_PROPERTIES
  const values: Partial<Record<PublishPropertyName, unknown>> = {}
  for (const name of PROPERTY_NAMES) {
    const value = given[name]
    if (value === undefined) continue
    const problem = PROBLEMS[name](value)
    if (problem) return { name, problem }
    values[name] = value
  }
  return toProperties(values as Checked)
}

/** Whether no property is given, as in most messages. A loop over all names takes about three times as long. */
function hasNone(given: GivenProperties): boolean {
  for (const name in given) if (given[name as PublishPropertyName] !== undefined) return false
  return true
}

function toProperties(checked: Checked): ReadProperties | PropertyFault {
  const { messageExpiry = null, correlationData, ...rest } = checked
  const properties: MessageProperties =
    correlationData === undefined
      ? rest
      : { ...rest, correlationData: Buffer.from(correlationData, 'base64') }
  const bytes = propertiesByteLength(properties)
  if (bytes > MAX_PROPERTIES_BYTES)
    return {
      name: null,
      problem: `have ${bytes} bytes in total; at most ${MAX_PROPERTIES_BYTES} are allowed`,
    }
  const empty = Object.keys(properties).length === 0
  return { properties: empty ? null : properties, messageExpiry }
}

/** Why `value` is not a string that MQTT can carry [MQTT-1.5.4-1] [MQTT-1.5.4-2], or null if it is one. */
function textProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a string'
  if (!value.isWellFormed()) return 'must be valid Unicode'
  return value.includes('\0') ? 'must not contain U+0000' : null
}

function userPropertiesProblem(value: unknown): string | null {
  const form = 'must be a list of pairs, such as [["name","value"]]'
  if (!Array.isArray(value)) return form
  if (value.length > MAX_USER_PROPERTIES)
    return `must be at most ${MAX_USER_PROPERTIES}, not ${value.length}`
  for (const pair of value) {
    if (!Array.isArray(pair) || pair.length !== 2) return form
    if (pair.some((text) => textProblem(text) !== null))
      return 'must have names and values that are strings of valid Unicode without U+0000'
  }
  return null
}
