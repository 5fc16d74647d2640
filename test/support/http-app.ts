import { type Logger, pino } from 'pino'
import { createAccess } from '../../src/acl/access.ts'
import type { Caller } from '../../src/caller.ts'
import { createApp } from '../../src/http/app.ts'
import { nameCaller } from '../../src/http/caller.ts'
import type { App } from '../../src/http/fastify.ts'
import type { Trust } from '../../src/identity/trust.ts'
import { aclOf } from './acl.ts'
import { HTTP_LIMITS } from './http-limits.ts'
import { UNLIMITED } from './memory.ts'

export interface TestCaller {
  readonly id: string
  readonly door: Caller['door']
  /** The text of an ACL file. */
  readonly rules: string
}

/** An app for routes that are called by `inject`, always by this caller; null for nobody. */
export function appFor(caller: TestCaller | null, log: Logger = pino({ level: 'silent' })): App {
  const app = createApp({
    ...HTTP_LIMITS,
    ...UNLIMITED,
    trust: { context: {} } as Trust,
    requestCert: true,
    log,
  })
  if (caller) {
    const { id, door, rules } = caller
    const identity = { id, serial: '', fingerprint256: '', notAfter: 0 }
    const access = createAccess(aclOf(rules), { user: id, clientId: id })
    app.addHook('onRequest', async (request) => nameCaller(request, { identity, access, door }))
  }
  return app
}
