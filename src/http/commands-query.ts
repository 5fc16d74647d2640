import { ACK } from './pick-up.ts'
import { MESSAGE_EXPIRY, PROPERTY_SCHEMAS } from './properties-schema.ts'
import { querySchema } from './query-schema.ts'

/** The query of `GET /commands`. */
export function takeQuery(maxPollWait: number) {
  return querySchema({
    wait: {
      type: 'integer',
      minimum: 0,
      maximum: maxPollWait,
      default: 0,
      description:
        'Seconds to wait where there is no command, at most `WOTT_MAX_POLL_WAIT` (60 by default).',
      examples: [1],
    },
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: 100,
      default: 1,
      description:
        'How many commands to answer at most. More payload than `WOTT_MAX_PAYLOAD` is left for the next answer.',
      examples: [10],
    },
    ack: ACK,
  })
}

/** The query of a reply to a command. */
export const REPLY = querySchema({
  qos: {
    type: 'integer',
    enum: [0, 1],
    description: 'That of the reply; by default 0 for a command of QoS 0, 1 for the others.',
    examples: [1],
  },
  contentType: PROPERTY_SCHEMAS.contentType,
  messageExpiry: MESSAGE_EXPIRY,
})

export const NOTHING = querySchema({})
