import { GAP_CAUSES } from '../live/event.ts'
import { payloadAs } from './payload-schema.ts'
import { PROPERTY_SCHEMAS } from './properties-schema.ts'

/** The shapes of the events that `stream.ts` sends, as `live/event.ts` writes them, for the API reference. */
export const STREAM_EVENTS = {
  StreamEvent: {
    type: 'object',
    description: 'One event of a stream, by the fields of Server-Sent Events.',
    required: ['data'],
    properties: {
      id: { type: 'string', description: 'What to resume from, to get what comes after.' },
      event: {
        type: 'string',
        enum: ['gap', 'heartbeat', 'end'],
        description: 'Absent for a message, so that `onmessage` of an `EventSource` gets it.',
      },
      data: {
        type: 'string',
        contentMediaType: 'application/json',
        contentSchema: {
          anyOf: [{ $ref: 'Message#' }, { $ref: 'Gap#' }, { $ref: 'Heartbeat#' }, { $ref: 'End#' }],
        },
        description:
          'JSON in one line; with `format=raw` the payload, a `data` line for each line.',
      },
    },
  },
  Message: {
    type: 'object',
    description:
      'One message, as streams send it. A payload that is not valid UTF-8 is in `payloadBase64`, any other in `payload`.',
    required: ['topic', 'device', 'qos', 'retain', 'time'],
    properties: {
      topic: { type: 'string' },
      device: {
        type: ['string', 'null'],
        description: 'The WoTT ID of who published it; null where the broker cannot tell.',
      },
      qos: { type: 'integer', enum: [0, 1, 2], description: 'What it was published with.' },
      retain: { type: 'boolean', description: 'Whether it was published to be retained.' },
      time: {
        type: 'string',
        format: 'date-time',
        description:
          'When it was measured, where its device says so; otherwise when the gateway took it.',
      },
      received: {
        type: 'string',
        format: 'date-time',
        description: 'When the gateway took it; only where its device says when it was measured.',
      },
      properties: {
        type: 'object',
        description: 'What its publisher says of the payload; absent where it says nothing.',
        properties: PROPERTY_SCHEMAS,
      },
    },
    ...payloadAs({ type: 'string' }),
  },
  Gap: {
    type: 'object',
    description:
      'Messages may be missing since `lastEventId`. After `unknown_id` and `expired` the retained messages follow, then all that is left of the history; after the others, all that is not missing.',
    required: ['lastEventId', 'reason', 'message'],
    properties: {
      lastEventId: {
        type: 'string',
        description: 'The id that the reader came with; in the middle of a stream, its last id.',
      },
      reason: { type: 'string', enum: GAP_CAUSES, description: 'Why they may be missing.' },
      qos: { type: 'integer', description: 'Only messages of this QoS may be missing.' },
      seconds: { type: 'integer', description: 'Of how long a time they may be missing.' },
      message: { type: 'string', description: 'The same in a sentence.' },
    },
  },
  Heartbeat: {
    type: 'object',
    description: 'Shows that the connection still works while there are no messages.',
    required: ['time'],
    properties: {
      time: { type: 'string', format: 'date-time', description: 'By the clock of the gateway.' },
    },
  },
  End: {
    type: 'object',
    description: 'The gateway ends the stream for good, and coming back would not help.',
    required: ['code', 'message'],
    properties: {
      code: {
        type: 'string',
        enum: ['read_denied', 'session_expired', 'session_ended', 'subscription_refused'],
      },
      message: { type: 'string', description: 'The same in a sentence.' },
    },
  },
}
