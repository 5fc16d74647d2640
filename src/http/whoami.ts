import { callerOf } from './caller.ts'
import type { App } from './fastify.ts'

/** `GET /whoami`: the caller's identity, and what the ACL file grants it. */
export function whoamiRoute(app: App): void {
  app.get('/whoami', { config: { operation: 'whoami' } }, async (request, reply) => {
    const { identity, access } = callerOf(request)
    const { id, notAfter, fingerprint256 } = identity
    const { rules, omitted } = access.grants()
    const body = {
      id,
      notAfter: new Date(notAfter).toISOString(),
      ...(fingerprint256 === undefined ? {} : { fingerprint256 }),
      rules,
      ...(omitted > 0 ? { rulesOmitted: omitted } : {}),
    }
    return reply
      .header('cache-control', 'no-store')
      .type('application/json')
      .send(JSON.stringify(body))
  })
}
