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

const SILENCE = { type: ['number', 'null'] }

export const SCHEMAS = {
  TopicsInfo: {
    type: 'object',
    required: ['silence', 'patterns'],
    properties: {
      silence: {
        ...SILENCE,
        description: 'Seconds without a message after which any other topic is silent.',
      },
      patterns: {
        type: 'array',
        items: {
          type: 'object',
          required: ['pattern', 'silence', 'fields'],
          properties: {
            pattern: { type: 'string', description: 'A topic filter.' },
            silence: { ...SILENCE, description: 'The same for its topics; null for never.' },
            fields: {
              type: 'array',
              items: {
                type: 'object',
                required: ['field', 'name', 'unit', 'min', 'max'],
                properties: {
                  field: {
                    type: ['string', 'null'],
                    description: 'A JSON member by its path with dots; null for the whole payload.',
                  },
                  name: {
                    type: ['string', 'null'],
                    description: 'With %1 for what the first wildcard stands for, and so on.',
                  },
                  unit: { type: ['string', 'null'] },
                  min: { type: ['number', 'null'] },
                  max: { type: ['number', 'null'] },
                },
              },
            },
          },
        },
      },
    },
  },
} satisfies Schemas
