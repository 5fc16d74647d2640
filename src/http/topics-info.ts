import type { Catalog } from '../catalog/catalog.ts'
import type { App } from './app.ts'
import { callerOf } from './caller.ts'

export interface TopicsInfoOptions {
  /** The topics file in force. */
  readonly catalog: { readonly current: Catalog }
}

/** `GET /topics-info`: what the topics file says, of topics that the caller could read. */
export function topicsInfoRoute(app: App, { catalog }: TopicsInfoOptions): void {
  app.get('/topics-info', { config: { operation: 'topicsInfo' } }, async (request, reply) => {
    const { access } = callerOf(request)
    const { entries, silence } = catalog.current
    const patterns = entries.filter(({ pattern }) => access.couldReceive([pattern]))
    const body = {
      silence: toSeconds(silence),
      patterns: patterns.map(({ pattern, silence: own, fields }) => ({
        pattern,
        silence: toSeconds(own === undefined ? silence : own),
        fields: fields.map(({ field, name, unit, min, max }) => ({ field, name, unit, min, max })),
      })),
    }
    return reply
      .header('cache-control', 'no-store')
      .type('application/json')
      .send(JSON.stringify(body))
  })
}

function toSeconds(milliseconds: number | null): number | null {
  return milliseconds === null ? null : milliseconds / 1000
}
