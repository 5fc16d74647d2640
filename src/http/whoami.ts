import { callerOf } from './caller.ts'
import type { App } from './fastify.ts'
import { type AnswerSchema, answerJson } from './json-answer.ts'

/** The answer of `GET /whoami`. */
export const WHOAMI = {
  type: 'object',
  description: 'Your identity, and your rights in the ACL file.',
  required: ['id', 'notAfter', 'rules'],
  properties: {
    id: { type: 'string', description: "The WoTT ID, or a viewer's name: the ACL file's user." },
    notAfter: {
      type: 'string',
      format: 'date-time',
      description: 'When the certificate or the session expires.',
    },
    fingerprint256: { type: 'string', description: 'SHA-256 of the certificate; devices only.' },
    rules: {
      type: 'array',
      items: {
        type: 'object',
        required: ['access', 'topic'],
        properties: {
          access: { type: 'string', enum: ['read', 'write', 'readwrite', 'deny'] },
          topic: { type: 'string', description: 'A topic filter; patterns are filled in.' },
        },
      },
    },
    rulesOmitted: { type: 'integer', description: 'How many more there are, if too many.' },
  },
} as const satisfies AnswerSchema

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
    return answerJson<typeof WHOAMI>(reply, body)
  })
}
