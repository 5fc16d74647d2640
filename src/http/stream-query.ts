import { FILTERS } from './filters.ts'
import { querySchema } from './query-schema.ts'

const SHARED = {
  format: {
    type: 'string',
    enum: ['json', 'raw'],
    default: 'json',
    description: 'What the data of an event is: JSON with all that is known, or the payload alone.',
  },
  lastEventId: {
    type: 'string',
    description:
      'As `Last-Event-ID`, for a first connection; `earliest` begins with the whole history.',
    examples: ['earliest'],
  },
  heartbeat: {
    type: 'integer',
    minimum: 1,
    maximum: 300,
    description:
      'Seconds between two events named `heartbeat`, which come in place of the comments. A page that hears nothing for longer knows that its connection is gone.',
    examples: [15],
  },
} as const

/** The query of a stream whose filter is in the path. */
export const ONE_FILTER = querySchema(SHARED)
/** The query of `GET /stream`. */
export const MANY_FILTERS = querySchema({ filter: FILTERS, ...SHARED }, ['filter'])
