import type { IssuedEntry } from '../ca/ledger.ts'
import { MAX_CSR_BYTES } from '../ca/read-csr.ts'
import type { Credential } from '../enrol/decision.ts'
import type { Enrolment, EnrolOutcome } from '../enrol/enrolment.ts'
import { peerOf } from '../enrol/peer.ts'
import { shownBy } from '../enrol/standing.ts'
import { isSameSecret } from '../enrol/tokens.ts'
import { csrIn, type DecideCsr, inviteIn, REFUSAL_STATUS } from './enrol-request.ts'
import type { App, Reply, Request } from './fastify.ts'

export const AGENT_PATH = '/v0.2'
/** The JSON around the request, and the agent's data about its machine. */
const SIGN_BYTES = 2 * MAX_CSR_BYTES
/** The description of its machine that the agent sends, about 140 kB: accepted, and dropped unread. */
const PING_BYTES = 1024 * 1024

export interface AgentOptions {
  readonly enrolment: Pick<Enrolment, 'claimTokenOf'>
  /** Every CA in force, PEM. */
  authorities(): readonly string[]
  readonly ask: DecideCsr
  /** The ledger's entry of the certificate that a device shows; undefined for none. Notes that the device has it. */
  present(request: Request): Promise<IssuedEntry | undefined>
  /** The WoTT ID of an invite; undefined where no invite has this token. */
  nameOf(request: Request, token: string): Promise<string | undefined>
  /** A name for a device that has none yet. */
  newId(): string
}

/** The API v0.2 of the WoTT agent (wott-agent 0.1.5), as observed in its requests. */
export function agentRoutes(app: App, options: AgentOptions): void {
  const { enrolment, authorities, ask, present, nameOf, newId } = options
  const signing = { bodyLimit: SIGN_BYTES }

  app.get(`${AGENT_PATH}/generate-id`, async (request, reply) => {
    const invite = inviteIn(request.headers.authorization)
    const id = invite?.kind === 'invite' ? await nameOf(request, invite.token) : undefined
    return sendJson(reply, { device_id: id ?? newId() })
  })
  app.get(`${AGENT_PATH}/ca-bundle`, async (_request, reply) =>
    sendJson(reply, { ca_bundle: authorities().join('') }),
  )
  app.post(`${AGENT_PATH}/sign-csr`, signing, async (request, reply) => {
    const { csr } = jsonIn(request.body)
    // the agent sends its token with every call, even after the token was used up
    const credential = heldBy(request) ?? inviteIn(request.headers.authorization)
    const outcome = await ask(request, credential ?? { kind: 'none' }, csrIn(csr))
    return answer(reply, outcome, credential?.kind === 'certificate')
  })
  app.post(`${AGENT_PATH}/sign-expired-csr`, signing, async (request, reply) => {
    const { csr, device_id: id, fallback_token: token } = jsonIn(request.body)
    const fallback: Credential = { kind: 'fallback', id: textOf(id), token: textOf(token) }
    const credential = typeof token === 'string' ? fallback : (heldBy(request) ?? { kind: 'none' })
    return answer(reply, await ask(request, credential, csrIn(csr)), true)
  })
  app.post(`${AGENT_PATH}/enroll-device`, signing, async (request, reply) => {
    const { claim_token: token, device_id: id } = jsonIn(request.body)
    if (isSameSecret(enrolment.claimTokenOf(textOf(id)), textOf(token))) return sendJson(reply, {})
    return sendJson(reply.code(400), {
      claim_token: ['This is not the claim token of the device.'],
    })
  })

  certified(app, 'GET', '/claimed', (id) => ({
    claimed: true,
    claim_token: enrolment.claimTokenOf(id),
  }))
  certified(app, 'GET', '/hello', (id) => ({ message: `Hello ${id}` }))
  certified(app, 'GET', '/ping', () => NO_POLICY)
  certified(app, 'POST', '/ping', () => ({}))
  certified(app, 'GET', '/credentials', () => [])
  certified(app, 'GET', '/device-metadata', () => ({}))

  /** A route for a device that shows its certificate, which proves that the device has it. */
  function certified(
    to: App,
    method: 'GET' | 'POST',
    path: string,
    body: (id: string) => object,
  ): void {
    to.route({
      method,
      url: AGENT_PATH + path,
      bodyLimit: PING_BYTES,
      handler: async (request, reply) => {
        const held = await present(request)
        if (held && held.revokedAt === null) return sendJson(reply, body(held.id))
        return sendJson(reply.code(403), { detail: 'Show a certificate of this CA.' })
      },
    })
  }
}

const NO_POLICY = {
  block_networks: [],
  block_ports: [],
  allow_ports: [],
  policy: 'allow',
  deb_packages_hash: null,
}

function heldBy(request: Request): Credential | null {
  const certificate = peerOf(request.raw.socket)
  return certificate === null ? null : { kind: 'certificate', shown: shownBy(certificate) }
}

function answer(reply: Reply, outcome: EnrolOutcome, isRenewal: boolean): Reply {
  switch (outcome.kind) {
    case 'issued': {
      const { certificate, claimToken, fallbackToken } = outcome
      const tokens = { certificate, claim_token: claimToken, fallback_token: fallbackToken }
      return sendJson(reply, isRenewal ? { ...tokens, claimed: true } : tokens)
    }
    case 'wait':
      reply.header('retry-after', outcome.retryAfter)
      return sendJson(reply.code(202), { detail: 'An operator has to approve this key first.' })
    case 'refuse':
      if (outcome.retryAfter !== undefined) reply.header('retry-after', outcome.retryAfter)
      return sendJson(reply.code(REFUSAL_STATUS[outcome.reason]), { detail: outcome.detail })
  }
}

export function sendJson(reply: Reply, body: object): Reply {
  return reply.type('application/json').send(JSON.stringify(body))
}

function jsonIn(body: unknown): Record<string, unknown> {
  try {
    const value: unknown = Buffer.isBuffer(body) ? JSON.parse(body.toString()) : null
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Empty for a value that is not a string: converting an object to text may even throw. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
