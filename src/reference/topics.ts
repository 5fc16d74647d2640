import { TOPICS_INFO } from '../http/topics-info.ts'
import { json, type Operations, type Schemas } from './operation.ts'

export const OPERATIONS = {
  topicsInfo: {
    summary: 'Names, units, limits and longest silences of topics',
    description:
      'What the topics file (`WOTT_TOPICS_FILE`) says of the topics that you could read. Of the patterns that cover a topic the first one holds.',
    tags: ['Read'],
    response: {
      200: json('What the topics file says.', 'TopicsInfo', {
        silence: null,
        patterns: [
          {
            pattern: 'sensors/+/temperature',
            silence: 900,
            fields: [{ field: null, name: 'Temperature of %1', unit: '°C', min: -40, max: 85 }],
          },
        ],
      }),
    },
    errors: [],
  },
} satisfies Operations

export const SCHEMAS = {
  TopicsInfo: TOPICS_INFO,
} satisfies Schemas
