import { FILTERS } from './filters.ts'
import { type QueryValues, querySchema } from './query-schema.ts'

/** The default and the maximum number of entries or buckets in one answer. */
export const LIMITS = {
  entries: { usual: 1_000, most: 100_000 },
  buckets: { usual: 10_000, most: 10_000 },
} as const

const TIME = {
  type: 'string',
  description:
    'RFC 3339, Unix seconds or milliseconds, `now`, or so long ago: `-90s`, `-30m`, `-6h`, `-7d`, `-2w`.',
} as const

/** The query of `GET /history`. */
export const HISTORY = querySchema(
  {
    filter: FILTERS,
    from: {
      ...TIME,
      description: `From this time on; without it, from the beginning. ${TIME.description}`,
      examples: ['-6h'],
    },
    to: {
      ...TIME,
      description: `Before this time; without it, up to now. ${TIME.description}`,
      examples: ['now'],
    },
    limit: {
      type: 'integer',
      minimum: 1,
      maximum: LIMITS.entries.most,
      description: `Most messages (${LIMITS.entries.usual} by default), or most buckets (${LIMITS.buckets.usual} by default, and at most).`,
      examples: [100],
    },
    order: {
      type: 'string',
      enum: ['asc', 'desc'],
      description: 'Oldest (`asc`, the default) or newest first.',
      examples: ['desc'],
    },
    format: {
      type: 'string',
      enum: ['json', 'ndjson', 'csv'],
      default: 'json',
      description:
        'In `csv`, text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or `@` and is not a number) gets an apostrophe in front.',
      examples: ['json'],
    },
    every: {
      type: 'string',
      pattern: '^\\d{1,9}[smhdw]$',
      description:
        'The length of a bucket, from `1s` to `366d`; buckets begin at multiples of it since the Unix epoch. Buckets without numbers are left out.',
      examples: ['5m'],
    },
    field: {
      type: 'string',
      description:
        'With `every`: the member of JSON payloads that is the number, with dots between names, and a backslash before a dot or a backslash in a name; without it the payload itself is.',
      examples: ['climate.indoor'],
    },
    after: {
      type: 'string',
      description:
        'The `next` of the answer before, or the `id` of its last message; with `latest`, a topic.',
    },
    latest: {
      type: 'boolean',
      default: false,
      description:
        'Only the latest message of each topic, in the order of topics; left out where that has expired. Goes without `from`, `to`, `order`, `every` and `field`.',
      // a generated example client sends all parameters at once
      examples: [false],
    },
  },
  ['filter'],
)

/** The parsed query of `GET /history`. */
export type HistoryParameters = QueryValues<typeof HISTORY>
export type HistoryFormat = HistoryParameters['format']
