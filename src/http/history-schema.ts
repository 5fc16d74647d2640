import { GAP_MESSAGES } from './history-format.ts'
import { STREAM_EVENTS } from './stream-schema.ts'

const { Message } = STREAM_EVENTS
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

/** The shapes of answers of the history, as `history-format.ts` writes them, for the API reference. */
export const HISTORY_PARTS = {
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
}
