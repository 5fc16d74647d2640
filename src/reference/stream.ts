import type { Delivery } from '../broker/delivery.ts'
import { STREAM_EVENTS } from '../http/stream-schema.ts'
import { endFrame, eventFrame, gapFrame, heartbeatFrame, RETRY } from '../live/event.ts'
import { HEARTBEAT_MS } from '../live/heartbeat.ts'
import {
  type Content,
  type Operations,
  parameters,
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

export const SCHEMAS = STREAM_EVENTS satisfies Schemas
