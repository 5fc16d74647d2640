import { setImmediate } from 'node:timers/promises'
import type { Access } from '../acl/access.ts'
import type { Catalog, TopicEntry } from '../catalog/catalog.ts'
import { callerOf } from './caller.ts'
import type { App } from './fastify.ts'
import { type AnswerSchema, answerJson } from './json-answer.ts'

export interface TopicsInfoOptions {
  /** The topics file now in force. */
  readonly catalog: { readonly current: Catalog }
}

const SILENCE = { type: ['number', 'null'] } as const

/** The answer of `GET /topics-info`. */
export const TOPICS_INFO = {
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
} as const satisfies AnswerSchema

/** `GET /topics-info`: the entries of the topics file whose topics the caller may read. */
export function topicsInfoRoute(app: App, { catalog }: TopicsInfoOptions): void {
  app.get('/topics-info', { config: { operation: 'topicsInfo' } }, async (request, reply) => {
    const { access } = callerOf(request)
    const { entries, silenceMs } = catalog.current
    const patterns = await readable(entries, access)
    const body = {
      silence: toSeconds(silenceMs),
      patterns: patterns.map(({ pattern, silenceMs: own, fields }) => ({
        pattern,
        silence: toSeconds(own === undefined ? silenceMs : own),
        fields: fields.map(({ field, name, unit, min, max }) => ({ field, name, unit, min, max })),
      })),
    }
    return answerJson<typeof TOPICS_INFO>(reply, body)
  })
}

/** The longest time without a pause for other requests: with a long ACL file each pattern may take a moment. */
const SLICE_MS = 2

async function readable(entries: readonly TopicEntry[], access: Access): Promise<TopicEntry[]> {
  const found: TopicEntry[] = []
  let begun = performance.now()
  for (const entry of entries) {
    if (access.couldReceive([entry.pattern])) found.push(entry)
    if (performance.now() - begun < SLICE_MS) continue
    await setImmediate()
    begun = performance.now()
  }
  return found
}

function toSeconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000
}
