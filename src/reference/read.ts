import { RETAINED_MESSAGE } from '../http/read.ts'
import { RETAINED_MESSAGES } from '../http/retained-list.ts'
import { json, type Operations, parameters, type Schemas } from './operation.ts'
import { TOPIC } from './publish.ts'
import { EVENT_STREAM, RESUME } from './stream.ts'

export const OPERATIONS = {
  readTopic: {
    summary: 'Read the retained message of a topic, or follow a filter',
    description:
      'The payload of the retained message, byte for byte, with the content type from its publisher if that is a media type; scripts, style sheets and multipart types are sent as bytes, and a browser runs nothing of it. With `Accept: text/event-stream`, as an `EventSource` sends it, the path is a topic filter instead, and the answer is a stream like that of `GET /stream`; the query and `Last-Event-ID` are only for streams.',
    tags: ['Read'],
    params: parameters({
      topic: {
        type: 'string',
        description:
          'A topic name as for publishing; for a stream an MQTT topic filter, with `#` sent as `%23`.',
        examples: ['wott/temperature'],
      },
    }),
    headers: parameters({ 'Last-Event-ID': RESUME }),
    response: {
      200: {
        description: 'The payload, or a stream.',
        headers: {
          age: {
            type: 'integer',
            description: 'Seconds since the gateway received the retained message.',
          },
          expires: {
            type: 'string',
            description: 'When it expires, if it does.',
          },
        },
        content: {
          'application/octet-stream': {
            schema: { type: 'string', format: 'binary' },
            examples: { temperature: { value: '21.5' } },
          },
          '*/*': { schema: { type: 'string', format: 'binary' } },
          ...EVENT_STREAM,
        },
      },
    },
    errors: [
      'topic_invalid',
      'query_invalid',
      'read_denied',
      'not_retained',
      'not_supported_here',
      'subscription_refused',
      'broker_unavailable',
      'too_many_streams',
    ],
  },
  readRetainedMessage: {
    summary: "Read the retained message of a topic in AWS IoT's shape",
    tags: ['Read'],
    params: parameters({ topic: TOPIC }),
    response: {
      200: json('The message.', 'RetainedMessage', {
        topic: 'wott/temperature',
        payload: 'MjEuNQ==',
        qos: 1,
        lastModifiedTime: 1795507200000,
        userProperties: 'W3sicm9vbSI6ImtpdGNoZW4ifV0=',
      }),
    },
    errors: [
      'topic_invalid',
      'read_denied',
      'not_retained',
      'subscription_refused',
      'broker_unavailable',
    ],
  },
  listRetainedMessages: {
    summary: "List the retained messages in AWS IoT's shape",
    description:
      'The retained messages that the caller may read, in the order of their topics. If there are more, the answer has a `nextToken` to continue with.',
    tags: ['Read'],
    response: {
      200: json('Some of the topics.', 'RetainedMessages', {
        retainedTopics: [
          { topic: 'wott/temperature', payloadSize: 4, qos: 1, lastModifiedTime: 1795507200000 },
        ],
      }),
    },
    errors: ['query_invalid', 'subscription_refused', 'broker_unavailable'],
  },
} satisfies Operations

export const SCHEMAS = {
  RetainedMessages: RETAINED_MESSAGES,
  RetainedMessage: RETAINED_MESSAGE,
} satisfies Schemas
