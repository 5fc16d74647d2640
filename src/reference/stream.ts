import type { Delivery } from '../broker/delivery.ts'
import { PROPERTY_SCHEMAS } from '../http/properties-schema.ts'
import { endFrame, eventFrame, GAP_CAUSES, gapFrame, heartbeatFrame, RETRY } from '../live/event.ts'
import { HEARTBEAT_MS } from '../live/heartbeat.ts'
import {
  type Content,
  type Operations,
  parameters,
  payloadAs,
  type Schema,
  type Schemas,
} from './operation.ts'
import { exampleOf } from './problems.ts'

export const RESUME: Schema = {
  type: 'string',
  description: 'The `id` of the last event that arrived: the stream goes on after it.',
  examples: ['5f1c0e9a7b2d-41'],
}

const ID = '5f1c0e9a7b2d-42'
const MESSAGE: Delivery = {
  topic: 'wott/temperature',
  payload: Buffer.from('21.5'),
  qos: 0,
  retain: false,
  device: 'sensor.d.wott.local',
  time: Date.UTC(2026, 10, 24, 8),
  received: Date.UTC(2026, 10, 24, 8),
  properties: null,
  expires: null,
  sequence: 42,
}
/** One message, and its id. */
export const EXAMPLE = { message: MESSAGE, id: ID }
const { code, message } = exampleOf('session_expired')
/** As the gateway writes them. */
export const FRAMES = {
  message: eventFrame(MESSAGE, ID, 'json').toString(),
  gap: gapFrame(ID, '0123456789ab-7', 'unknown_id').toString(),
  heartbeat: heartbeatFrame(MESSAGE.time).toString(),
  end: endFrame(code, message).toString(),
}

const EXAMPLES = {
  message: { summary: 'A message', value: RETRY + FRAMES.message },
  gap: { summary: 'Messages are missing', value: RETRY + FRAMES.gap },
  end: { summary: 'The end, for good', value: FRAMES.end + RETRY },
}

export const EVENT_STREAM: Content = {
  'text/event-stream': {
    schema: {
      type: 'string',
      contentMediaType: 'text/event-stream',
      contentSchema: { type: 'array', items: { $ref: 'StreamEvent#' } },
    },
    examples: EXAMPLES,
  },
}

export const OPERATIONS = {
  openStream: {
    summary: 'Follow one filter or several',
    description: `Retained messages that match come first, then live ones, each authorised when it is sent. A comment comes every ${HEARTBEAT_MS / 1000} seconds, or with \`heartbeat\` an event of that name. A stream that ends without an event named \`end\` is to be opened again with the last id, and misses nothing: what came meanwhile is sent first, or an event named \`gap\` says that it is gone. A reader that cannot keep up is cut off, and can resume.`,
    tags: ['Stream'],
    headers: parameters({ 'Last-Event-ID': RESUME }),
    response: { 200: { description: 'The stream, which has no end.', content: EVENT_STREAM } },
    errors: [
      'topic_invalid',
      'query_invalid',
      'read_denied',
      'not_supported_here',
      'too_many_streams',
    ],
  },
} satisfies Operations

export const SCHEMAS = {
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
      'One message, as streams send it. A payload that is no UTF-8 is in `payloadBase64`, every other in `payload`.',
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
    description: 'The connection is there, also while there are no messages.',
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
} satisfies Schemas
