import { MAX_PROPERTIES_BYTES, MAX_USER_PROPERTIES } from '../topic/properties.ts'
import { MAX_MESSAGE_EXPIRY } from './properties.ts'

export const BOUNDS = `A message has at most ${MAX_USER_PROPERTIES} user properties, and ${MAX_PROPERTIES_BYTES} bytes of properties in all.`

/** The MQTT 5 properties of a message in JSON: in stream events, and in lines of many readings. */
export const PROPERTY_SCHEMAS = {
  payloadFormatIndicator: {
    type: 'integer',
    enum: [0, 1],
    description: '1 for UTF-8 text, 0 for bytes.',
    examples: [1],
  },
  contentType: {
    type: 'string',
    description: 'What the payload is, a media type for example.',
    examples: ['text/plain'],
  },
  responseTopic: {
    type: 'string',
    description: 'Where an answer is expected: a topic name without wildcards.',
    examples: ['wott/answers'],
  },
  correlationData: {
    type: 'string',
    contentEncoding: 'base64',
    description: 'Any bytes, by which whoever asked knows the answer.',
    examples: ['cmVxdWVzdCAx'],
  },
  userProperties: {
    type: 'array',
    maxItems: MAX_USER_PROPERTIES,
    items: {
      type: 'array',
      prefixItems: [{ type: 'string' }, { type: 'string' }],
      minItems: 2,
      maxItems: 2,
    },
    description: 'Names and values, in order; names may repeat.',
    examples: [[['room', 'kitchen']]],
  },
} as const

export const MESSAGE_EXPIRY = {
  type: 'integer',
  minimum: 1,
  maximum: MAX_MESSAGE_EXPIRY,
  description:
    'Seconds after which nobody gets it any more, retained or waiting. Without it a message does not expire.',
  examples: [3600],
} as const
