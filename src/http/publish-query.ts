import { PICK_UP } from './pick-up.ts'
import { MESSAGE_EXPIRY, PROPERTY_SCHEMAS } from './properties-schema.ts'
import { type QueryValues, querySchema } from './query-schema.ts'

export const TIME = {
  description:
    'When it was measured: RFC 3339, Unix seconds or Unix milliseconds, at most `WOTT_READING_PAST` before it arrives and `WOTT_READING_FUTURE` after. Without it, the time of arrival.',
} as const

/** The query of `POST /topics/{topic}`. */
export const PUBLISH = querySchema({
  qos: { type: 'integer', enum: [0, 1], default: 0, description: 'As in MQTT.', examples: [1] },
  retain: {
    type: 'boolean',
    default: false,
    description: 'Whether it is kept for whoever subscribes or reads later.',
    examples: [true],
  },
  time: { type: 'string', ...TIME },
  contentType: {
    ...PROPERTY_SCHEMAS.contentType,
    description: `${PROPERTY_SCHEMAS.contentType.description} The header \`Content-Type\` does not count: many clients send one that says nothing of the payload.`,
  },
  messageExpiry: MESSAGE_EXPIRY,
  responseTopic: PROPERTY_SCHEMAS.responseTopic,
  ...PICK_UP,
})

export type PublishQuery = QueryValues<typeof PUBLISH>
