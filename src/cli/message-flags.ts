import type { MessageProperties, UserProperty } from '../topic/message.ts'
import { propertiesByteLength } from '../topic/properties.ts'
import { topicProblem } from '../topic/topic.ts'
import { ArgumentsError, type ArgumentValues, type Flags, wholeNumber } from './arguments.ts'
import type { DevicePublishOptions } from './publisher.ts'

/** The flags for the MQTT 5 properties of a message. */
export const MESSAGE_FLAGS = {
  'content-type': {
    type: 'string',
    value: 'TYPE',
    help: 'media type of MESSAGE, such as application/json',
  },
  'message-expiry': {
    type: 'string',
    value: 'SECONDS',
    help: 'seconds after which the message is no longer delivered',
  },
  'response-topic': { type: 'string', value: 'TOPIC', help: 'topic for the answer' },
  'correlation-data': { type: 'string', value: 'TEXT', help: 'value that the answer repeats' },
  'payload-format': { type: 'string', value: 'FORMAT', help: 'bytes, or utf8 for text' },
  'user-property': {
    type: 'string',
    value: 'NAME=VALUE',
    multiple: true,
    help: 'user property; can be repeated',
  },
} as const satisfies Flags

/** The most bytes of one MQTT string, and of all properties together in the gateway. */
const MAX_BYTES = 65_535
const FORMATS = ['bytes', 'utf8']
const MAX_EXPIRY = 0xffff_ffff

/** Throws an ArgumentsError that names the first flag that is wrong. */
export function propertiesIn(
  values: ArgumentValues<typeof MESSAGE_FLAGS>,
): Pick<DevicePublishOptions, 'properties' | 'messageExpiry'> {
  const properties: { -readonly [N in keyof MessageProperties]: MessageProperties[N] } = {}
  const format = values['payload-format']
  if (format !== undefined) properties.payloadFormatIndicator = formatIn(format)
  const contentType = values['content-type']
  if (contentType !== undefined) properties.contentType = contentType
  const responseTopic = values['response-topic']
  if (responseTopic !== undefined) properties.responseTopic = responseTopicIn(responseTopic)
  const correlationData = values['correlation-data']
  if (correlationData !== undefined) properties.correlationData = Buffer.from(correlationData)
  const pairs = values['user-property'].map(pairIn)
  if (pairs.length > 0) properties.userProperties = pairs
  const bytes = propertiesByteLength(properties)
  if (bytes > MAX_BYTES)
    throw new ArgumentsError(
      `the MQTT 5 properties of the message have ${bytes} bytes; at most ${MAX_BYTES} are allowed`,
    )
  const expiry = values['message-expiry']
  return {
    properties: Object.keys(properties).length > 0 ? properties : null,
    messageExpiry:
      expiry === undefined ? null : wholeNumber('--message-expiry', expiry, 1, MAX_EXPIRY),
  }
}

function formatIn(text: string): 0 | 1 {
  if (FORMATS.includes(text)) return text === 'utf8' ? 1 : 0
  throw new ArgumentsError(`--payload-format must be bytes or utf8, not ${JSON.stringify(text)}`)
}

function responseTopicIn(topic: string): string {
  const problem = topicProblem(topic)
  if (problem) throw new ArgumentsError(`--response-topic ${problem}`)
  return topic
}

function pairIn(text: string): UserProperty {
  const equals = text.indexOf('=')
  if (equals === -1)
    throw new ArgumentsError(`--user-property must be NAME=VALUE, not ${JSON.stringify(text)}`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}
