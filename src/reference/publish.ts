import type { ErrorCode } from '../errors.ts'
import { MAX_LINES, NDJSON } from '../http/publish-many.ts'
import { FORMATS, HEADERS } from '../http/request-properties.ts'
import { MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS } from '../topic/topic.ts'
import { ACK } from './commands.ts'
import {
  json,
  type Operations,
  parameters,
  payloadAs,
  type Schema,
  type Schemas,
  TRACE_ID,
} from './operation.ts'
import { BOUNDS, MESSAGE_EXPIRY, PROPERTIES } from './properties.ts'

export const TOPIC: Schema = {
  type: 'string',
  pattern: '^[^$+#][^+#]*$',
  description: `An MQTT topic name: 1 to ${MAX_TOPIC_BYTES} bytes of UTF-8, at most ${MAX_TOPIC_LEVELS} levels, without \`+\`, \`#\` and control characters, not starting with \`$\`. Its slashes may be sent as they are or as \`%2F\`; it is percent-decoded once.`,
  examples: ['wott/temperature'],
}

const TIME: Schema = {
  description:
    'When it was measured: RFC 3339, Unix seconds or Unix milliseconds, at most `WOTT_READING_PAST` before it arrives and `WOTT_READING_FUTURE` after. Without it, the time of arrival.',
}

const idempotencyKey = (example: string): Schema => ({
  type: 'string',
  description:
    'A name for this request, 1 to 255 ASCII characters, with or without quotes, so that it can be sent again: for `WOTT_IDEMPOTENCY_TTL` seconds a repeat with the same key publishes nothing again and is answered as the first was, with `Idempotency-Replayed: true`.',
  examples: [example],
})
/** Of commands. */
const PICK_UP = {
  command: {
    type: 'integer',
    enum: [0, 1],
    default: 0,
    description:
      'With 1 the answer has the oldest command that waits for the device, as of `GET /commands`.',
    examples: [1],
  },
  ack: ACK,
}
const PREFER: Schema = {
  type: 'string',
  description:
    '`command` asks for a command as `command=1` does; the answer has `Preference-Applied: command`.',
  examples: ['command'],
}
const KEY_REFUSALS = [
  ...(['request_invalid', 'idempotency_key_in_use', 'idempotency_key_reused'] as const),
]

/** What a reading can be refused for, however it is sent. */
const REFUSALS: readonly ErrorCode[] = [
  ...([
    'topic_invalid',
    'time_invalid',
    'payload_too_large',
    'rate_limited',
    'publish_denied',
  ] as const),
  'broker_unavailable',
]

export const OPERATIONS = {
  publish: {
    summary: 'Publish one reading',
    description: `The body is the payload, byte for byte (with a \`Content-Encoding\` of gzip or deflate: what it decodes to), whatever its content type says: at most \`WOTT_MAX_PAYLOAD\` (128KiB by default). An empty body with \`retain=true\` clears the retained message. With \`qos=1\` the answer comes once the reading is stored; with \`WOTT_BROKER=file:…\`, on disk. A publisher written for AWS IoT's HTTPS endpoint works unchanged: what MQTT 5 has to say of a payload stands in the query and in headers where AWS IoT has it. A CloudEvent, in headers \`ce-…\` or as \`application/cloudevents+json\`, becomes a message by its MQTT binding. ${BOUNDS}`,
    tags: ['Publish'],
    params: parameters({ topic: TOPIC }),
    querystring: parameters({
      qos: { type: 'integer', enum: [0, 1], default: 0, description: 'As in MQTT.', examples: [1] },
      retain: {
        type: 'boolean',
        default: false,
        description: 'Whether it is kept for whoever subscribes or reads later.',
        examples: [true],
      },
      time: { type: 'string', ...TIME },
      contentType: {
        ...PROPERTIES.contentType,
        description: `${PROPERTIES.contentType.description} The header \`Content-Type\` does not count: many clients send one that says nothing of the payload.`,
      },
      messageExpiry: MESSAGE_EXPIRY,
      responseTopic: PROPERTIES.responseTopic,
      ...PICK_UP,
    }),
    headers: parameters({
      'Idempotency-Key': idempotencyKey('"8e03978e-40d5-43dd-bc93-6894a57f9324"'),
      Prefer: PREFER,
      [HEADERS.payloadFormatIndicator]: {
        type: 'string',
        enum: FORMATS,
        description: 'Whether the payload is UTF-8 text; if it says so and is not, it is refused.',
        examples: ['UTF8_DATA'],
      },
      [HEADERS.correlationData]: {
        ...PROPERTIES.correlationData,
        description: `${PROPERTIES.correlationData.description} In base64.`,
      },
      [HEADERS.userProperties]: {
        type: 'string',
        contentEncoding: 'base64',
        contentMediaType: 'application/json',
        description:
          'Names and values, in order: a JSON list of objects with one name each, `[{"room":"kitchen"},{"floor":"1"}]`, in base64.',
        examples: ['W3sicm9vbSI6ImtpdGNoZW4ifSx7ImZsb29yIjoiMSJ9XQ=='],
      },
    }),
    body: {
      content: {
        'text/plain': {
          schema: { type: 'string', 'x-examples': { temperature: { value: '21.5' } } },
        },
        'application/json': {
          schema: { 'x-examples': { climate: { value: { temperature: 21.5, humidity: 55 } } } },
        },
        'application/cloudevents+json': {
          schema: {
            'x-examples': {
              event: {
                summary: 'A CloudEvent, published as it is',
                value: {
                  specversion: '1.0',
                  id: '1',
                  source: '/kitchen',
                  type: 'temperature',
                  data: 21.5,
                },
              },
            },
          },
        },
        'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
      },
    },
    bodyOptional: true,
    response: { 200: json('It is published.', 'Published', { message: 'OK', traceId: TRACE_ID }) },
    errors: [
      'cloud_event_invalid',
      'unsupported_media_type',
      'query_invalid',
      'body_invalid',
      'content_encoding_unsupported',
      'not_supported_here',
      ...KEY_REFUSALS,
      ...REFUSALS,
    ],
  },
  publishMany: {
    summary: 'Publish many readings',
    description: `One JSON object a line, at most ${MAX_LINES} lines and 1 MiB, compressed with gzip or deflate if its \`Content-Encoding\` says so. Each is published or refused by itself: one bad line does not affect the others, and the answer names it. Blank lines are skipped. The status is 200 where all lines were published and 207 where some were. Where all were refused it is that of their common reason, or of \`readings_refused\`. The rate limit ends the request at the first line that it refuses: 429, with that line as \`next\`, from which to go on after \`Retry-After\` seconds. With 503 the lines that \`refused\` has as \`broker_unavailable\` are to be sent again. These errors have the members of an outcome, too. With an \`Idempotency-Key\` a request that was answered 429 or 503 is sent again as it is: the lines that are published already are not published again.`,
    tags: ['Publish'],
    querystring: parameters(PICK_UP),
    headers: parameters({
      'Idempotency-Key': idempotencyKey('"1b4e28ba-2fa1-11d2-883f-0016d3cca427"'),
      Prefer: PREFER,
    }),
    body: {
      content: {
        [NDJSON]: {
          schema: {
            type: 'string',
            contentMediaType: NDJSON,
            contentSchema: { type: 'array', maxItems: MAX_LINES, items: { $ref: 'Reading#' } },
            'x-examples': {
              two: {
                summary: 'Two readings, the second kept for whoever reads later',
                value:
                  '{"topic":"wott/temperature","payload":21.5}\n{"topic":"wott/humidity","payload":"55","qos":1,"retain":true}\n',
              },
            },
          },
        },
      },
    },
    response: {
      200: json('All lines are published.', 'Outcome', { accepted: 2, refused: [] }),
      207: json('Some lines are published.', 'Outcome', {
        accepted: 1,
        refused: [
          {
            line: 2,
            code: 'publish_denied',
            detail:
              'The access control file does not let sensor.d.wott.local publish to wott/humidity.',
          },
        ],
      }),
    },
    errors: [
      ...(['query_invalid', 'body_invalid', 'readings_refused', 'unsupported_media_type'] as const),
      ...(['content_encoding_unsupported', 'not_supported_here'] as const),
      ...KEY_REFUSALS,
      ...REFUSALS,
    ],
  },
} satisfies Operations

/** What an answer says of commands. */
const PICKED_UP = {
  command: {
    description: 'The oldest command that waits, where one was asked for; null for none.',
    anyOf: [{ $ref: 'Command#' }, { type: 'null' }],
  },
  more: { type: 'boolean', description: 'Whether more commands wait behind it.' },
  commandProblem: {
    type: 'object',
    description:
      'Why there is no command, or none was acknowledged, though the reading is published.',
    required: ['code', 'detail'],
    properties: { code: { type: 'string' }, detail: { type: 'string' } },
  },
} as const

export const SCHEMAS = {
  Published: {
    type: 'object',
    description: 'The answer of AWS IoT.',
    required: ['message', 'traceId'],
    properties: {
      message: { type: 'string', enum: ['OK'] },
      traceId: { type: 'string', description: 'Also in the header `x-request-id`.' },
      ...PICKED_UP,
    },
  },
  Reading: {
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
      ...PROPERTIES,
    },
    ...payloadAs({
      description:
        'Text is published as it is; any other JSON value as its JSON, as it is written: `21.50` stays `21.50`.',
    }),
  },
  Outcome: {
    type: 'object',
    description: 'What became of many readings.',
    required: ['accepted', 'refused'],
    properties: {
      accepted: { type: 'integer', minimum: 0, description: 'How many were published.' },
      refused: {
        type: 'array',
        description: 'The lines that were not, and why.',
        items: { $ref: 'RefusedLine#' },
      },
      ...PICKED_UP,
    },
  },
  RefusedLine: {
    type: 'object',
    description: 'A line that was not published, and why.',
    required: ['line', 'code', 'detail'],
    properties: {
      line: { type: 'integer', minimum: 1, description: 'From 1; blank lines count.' },
      code: {
        type: 'string',
        enum: ['body_invalid', ...REFUSALS],
      },
      detail: { type: 'string' },
    },
  },
} satisfies Schemas
