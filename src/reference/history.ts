import { createHistoryWriter, GAP_MESSAGES, type HistoryEnd } from '../http/history-format.ts'
import type { HistoryFormat } from '../http/history-parameters.ts'
import { HISTORY_PARTS } from '../http/history-schema.ts'
import type { Operations, Schemas } from './operation.ts'
import { EXAMPLE } from './stream.ts'

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

export const SCHEMAS = HISTORY_PARTS satisfies Schemas
