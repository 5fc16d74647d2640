import { payloadAs } from './payload-schema.ts'
import { BOUNDS, MESSAGE_EXPIRY, PROPERTY_SCHEMAS } from './properties-schema.ts'
import { TIME } from './publish-query.ts'

/** The shape of a line of NDJSON, as `reading-line.ts` reads it, for the API reference. */
export const READING = {
  type: 'object',
  description: `One line of many: a reading with either \`payload\` or \`payloadBase64\`. ${BOUNDS}`,
  required: ['topic'],
  unevaluatedProperties: false,
  properties: {
    topic: { type: 'string', examples: ['wott/temperature'] },
    qos: { type: 'integer', enum: [0, 1], default: 0 },
    retain: { type: 'boolean', default: false },
    time: { type: ['string', 'number'], ...TIME },
    messageExpiry: MESSAGE_EXPIRY,
    ...PROPERTY_SCHEMAS,
  },
  ...payloadAs({
    description:
      'A string is published as its text; any other JSON value is published as JSON, exactly as written: `21.50` stays `21.50`.',
  }),
}
