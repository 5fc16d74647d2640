import { createHistoryWriter, GAP_MESSAGES, type HistoryEnd } from '../http/history-format.ts'
import type { HistoryFormat } from '../http/history-parameters.ts'
import type { Operations, Schemas } from './operation.ts'
import { EXAMPLE, SCHEMAS as SHAPES } from './stream.ts'

const BUCKET = {
  topic: 'wott/temperature',
  from: Date.UTC(2026, 10, 24, 8),
  count: 3,
  min: 20.5,
  mean: 21,
  max: 21.5,
  last: 21.5,
}
const END: HistoryEnd = { truncated: null, next: null, gaps: ['restart'] }

function exampleOf(format: HistoryFormat, kind: 'entries' | 'buckets') {
  const writer = createHistoryWriter(format, kind)
  const part =
    kind === 'entries' ? writer.entry(EXAMPLE.message, EXAMPLE.id) : writer.bucket(BUCKET)
  return writer.begin() + part + writer.end(END, true)
}

const text = (mediaType: 'ndjson' | 'csv') => ({
  messages: { summary: 'Messages', value: exampleOf(mediaType, 'entries') },
  buckets: { summary: 'With every=5m', value: exampleOf(mediaType, 'buckets') },
})

export const OPERATIONS = {
  readHistory: {
    summary: 'Read what was published before',
    description:
      'Messages that match any of the filters, in the order in which they were measured, or with `every` statistics of their numbers for each span of time. The ACL file, as it is now, decides on each message; expired messages are left out. One answer processes a limited number of messages for a limited time: `truncated` says why it ended early, and `next` is the value of `after` for the rest. `gaps` and the header `wott-gaps` say what is missing for good. In `ndjson` and `csv` a last line, in `csv` after `# `, has `truncated`, `next` and `gaps` where they say more than the header and a `limit` of the caller.',
    tags: ['Read'],
    response: {
      200: {
        description: 'The messages, or the buckets.',
        headers: {
          'wott-gaps': {
            type: 'string',
            description: `Why some messages may be missing, as reasons separated by commas: ${Object.keys(GAP_MESSAGES).join(', ')}.`,
          },
        },
        content: {
          'application/json': {
            schema: { $ref: 'History#' },
            examples: {
              messages: {
                summary: 'Messages',
                value: JSON.parse(exampleOf('json', 'entries')),
              },
              buckets: {
                summary: 'With every=5m',
                value: JSON.parse(exampleOf('json', 'buckets')),
              },
            },
          },
          'application/x-ndjson': {
            schema: {
              type: 'string',
              contentMediaType: 'application/x-ndjson',
              contentSchema: {
                type: 'array',
                items: {
                  anyOf: [
                    { $ref: 'HistoryEntry#' },
                    { $ref: 'HistoryBucket#' },
                    { $ref: 'HistoryEnd#' },
                  ],
                },
              },
            },
            examples: text('ndjson'),
          },
          'text/csv': { schema: { type: 'string' }, examples: text('csv') },
        },
      },
    },
    errors: [
      'topic_invalid',
      'query_invalid',
      'read_denied',
      'rate_limited',
      'not_supported_here',
      'broker_unavailable',
    ],
  },
} satisfies Operations

const { Message } = SHAPES
/** What every part of the history says at its end. */
const ENDING = {
  truncated: {
    type: ['string', 'null'],
    enum: ['limit', 'work', 'time', null],
    description:
      'Why there is more: `limit` is reached, or the limit on messages (`work`) or on time (`time`) for one answer. Null: this is all.',
  },
  next: {
    type: ['string', 'null'],
    description: 'The value of `after` for the rest; null when this is all.',
  },
  gaps: {
    type: 'array',
    description: 'Why some messages may be missing for good.',
    items: {
      type: 'object',
      required: ['reason', 'message'],
      properties: {
        reason: { type: 'string', enum: Object.keys(GAP_MESSAGES) },
        message: { type: 'string', description: 'The same in a sentence.' },
      },
    },
  },
}

export const SCHEMAS = {
  History: {
    type: 'object',
    description: 'A part of the history: `entries`, or with `every` `buckets`.',
    required: Object.keys(ENDING),
    properties: {
      entries: { type: 'array', items: { $ref: 'HistoryEntry#' } },
      buckets: { type: 'array', items: { $ref: 'HistoryBucket#' } },
      ...ENDING,
    },
  },
  HistoryEntry: {
    ...Message,
    description: 'One message, as streams send it, with its id.',
    required: ['id', ...Message.required],
    properties: {
      id: { type: 'string', description: 'The id of its event in a stream.' },
      ...Message.properties,
    },
  },
  HistoryBucket: {
    type: 'object',
    description: 'The numbers of one topic in one span of time.',
    required: ['topic', 'from', 'count', 'min', 'mean', 'max', 'last'],
    properties: {
      topic: { type: 'string' },
      from: { type: 'string', format: 'date-time', description: 'The start of the span.' },
      count: { type: 'integer', minimum: 1, description: 'How many messages contained a number.' },
      min: { type: 'number' },
      mean: { type: 'number' },
      max: { type: 'number' },
      last: { type: 'number', description: 'The number of the latest message.' },
    },
  },
  HistoryEnd: {
    type: 'object',
    description: 'What is missing in a part of the history.',
    required: Object.keys(ENDING),
    properties: ENDING,
  },
} satisfies Schemas
