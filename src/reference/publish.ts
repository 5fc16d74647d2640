import { REFUSALS } from '../http/batch.ts'
import { BOUNDS, PROPERTY_SCHEMAS } from '../http/properties-schema.ts'
import { PUBLISHED } from '../http/publish.ts'
import { FORMATS, HEADERS } from '../http/request-properties.ts'
import { MAX_TOPIC_BYTES, MAX_TOPIC_LEVELS } from '../topic/topic.ts'
import {
  json,
  type Operations,
  parameters,
  type Schema,
  type Schemas,
  TRACE_ID,
} from './operation.ts'
import { idempotencyKey, KEY_REFUSALS, PREFER } from './publishing.ts'

export const TOPIC: Schema = {
  type: 'string',
  pattern: '^[^$+#][^+#]*$',
  description: `An MQTT topic name: 1 to ${MAX_TOPIC_BYTES} bytes of UTF-8, at most ${MAX_TOPIC_LEVELS} levels, without \`+\`, \`#\` and control characters, not starting with \`$\`. Its slashes may be sent as they are or as \`%2F\`; it is percent-decoded once.`,
  examples: ['wott/temperature'],
}

export const OPERATIONS = {
  publish: {
    summary: 'Publish one reading',
    description: `The body is the payload, byte for byte (decompressed if its \`Content-Encoding\` is gzip or deflate), with any content type: at most \`WOTT_MAX_PAYLOAD\` (128KiB by default). An empty body with \`retain=true\` deletes the retained message. With \`qos=1\` the answer comes when the reading is stored; with \`WOTT_BROKER=file:…\`, on the disk. A publisher written for AWS IoT's HTTPS endpoint works unchanged: the MQTT 5 properties are in the same query parameters and headers as in AWS IoT. A CloudEvent, in headers \`ce-…\` or as \`application/cloudevents+json\`, becomes a message by its MQTT binding. ${BOUNDS}`,
    tags: ['Publish'],
    params: parameters({ topic: TOPIC }),
    headers: parameters({
      'Idempotency-Key': idempotencyKey('"8e03978e-40d5-43dd-bc93-6894a57f9324"'),
      Prefer: PREFER,
      [HEADERS.payloadFormatIndicator]: {
        type: 'string',
        enum: FORMATS,
        description:
          'Whether the payload is UTF-8 text; a payload that is marked as UTF-8 but is not is refused.',
        examples: ['UTF8_DATA'],
      },
      [HEADERS.correlationData]: {
        ...PROPERTY_SCHEMAS.correlationData,
        description: `${PROPERTY_SCHEMAS.correlationData.description} In base64.`,
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
} satisfies Operations

export const SCHEMAS = {
  Published: PUBLISHED,
} satisfies Schemas
