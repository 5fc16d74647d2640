import type { TLSSocket } from 'node:tls'
import type { IssuedEntry } from '../ca/ledger.ts'
import type { Credential } from '../enrol/decision.ts'
import type { Enrolment, EnrolOutcome } from '../enrol/enrolment.ts'
import { channelBindingOf, peerOf } from '../enrol/peer.ts'
import type { GatewayError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import { addressOf } from '../net/address.ts'
import { AGENT_PATH, type AgentOptions, agentRoutes, sendJson } from './agent.ts'
import { type AppOptions, beginFailing, createApp, sendProblem } from './app.ts'
import type { HttpSettings } from './deadlines.ts'
import { REFUSAL_STATUS } from './enrol-request.ts'
import { EST_PATH, estRoutes, sendSentence } from './est.ts'
import type { App, Reply, Request } from './fastify.ts'
import { createStrangers } from './strangers.ts'

export interface EnrolDoorOptions
  extends Omit<AppOptions, 'requestCert' | 'takesStrangers' | 'admit' | 'onCut' | 'sendError'>,
    Pick<AgentOptions, 'newId' | 'authorities'> {
  readonly enrolment: Enrolment
  readonly settings: HttpSettings
  readonly meter: Meter
  /** The revocation lists of every CA in force, PEM. */
  revocations(): Promise<string>
  /** Called with the outcome of each request for a certificate; null where an error of the gateway prevented a decision. */
  onDecided(credential: Credential, outcome: EnrolOutcome | null, address: string): void
}

const PEM_FILE = 'application/x-pem-file'

/** The door for devices that want a first or a new certificate: each route says which credential it accepts. */
export function createEnrolDoor(options: EnrolDoorOptions): App {
  const { enrolment, settings, meter, authorities, newId } = options
  const strangers = createStrangers(settings, meter, 'enrol')
  const app = createApp({
    ...options,
    requestCert: true,
    takesStrangers: true,
    admit: strangers.problem,
    onCut: (reason) => meter.connectionCut('enrol', reason),
    sendError,
  })

  async function ask(request: Request, credential: Credential, csr: Buffer | null) {
    // counted before it is checked, so that parallel guesses from one address do not all get through
    const tooMany = isGuess(credential) ? strangers.guessProblem(request.raw) : null
    const binding = channelBindingOf(request.raw.socket as TLSSocket)
    const asked = { credential, csr, address: addressOf(request.raw.socket) ?? '', binding }
    const outcome = tooMany
      ? tooManyGuesses(tooMany)
      : await enrolment.enrol(asked).catch((error: unknown) => {
          options.onDecided(credential, null, asked.address)
          throw error
        })
    if (isGuess(credential) && !tooMany && !isWrong(outcome)) strangers.guessedRight(request.raw)
    options.onDecided(credential, outcome, asked.address)
    return outcome
  }

  async function present(request: Request): Promise<IssuedEntry | undefined> {
    const certificate = peerOf(request.raw.socket)
    return certificate === null
      ? undefined
      : enrolment.present(certificate, addressOf(request.raw.socket) ?? '')
  }

  async function nameOf(request: Request, token: string): Promise<string | undefined> {
    const tooMany = strangers.guessProblem(request.raw)
    if (tooMany) throw tooMany
    const name = await enrolment.nameOf(token)
    if (name !== undefined) strangers.guessedRight(request.raw)
    return name
  }

  estRoutes(app, { authorities, ask, present })
  agentRoutes(app, { enrolment, authorities, ask, present, nameOf, newId })
  app.get('/ca.crt', async (_request, reply) => reply.type(PEM_FILE).send(authorities().join('')))
  app.get('/crl.pem', async (_request, reply) =>
    reply.type(PEM_FILE).send(await options.revocations()),
  )
  return app
}

/** A client that has a certificate's key has not guessed it. */
function isGuess({ kind }: Credential): boolean {
  return kind === 'invite' || kind === 'fallback'
}

function isWrong(outcome: EnrolOutcome): boolean {
  return outcome.kind === 'refuse' && REFUSAL_STATUS[outcome.reason] === 401
}

function tooManyGuesses({ message, retryAfter }: GatewayError): EnrolOutcome {
  const refusal = { kind: 'refuse', reason: 'rate_limited', detail: message, id: null } as const
  return retryAfter === undefined ? refusal : { ...refusal, retryAfter }
}

/** EST's errors are a sentence, those for the agent a JSON object of its own, all others problems. */
function sendError(request: Request, reply: Reply, error: GatewayError): void {
  const path = request.originalUrl
  if (!path.startsWith(EST_PATH) && !path.startsWith(AGENT_PATH)) {
    sendProblem(request, reply, error)
    return
  }
  beginFailing(request, reply, error)
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  if (path.startsWith(EST_PATH)) sendSentence(reply, error.status, error.message)
  else sendJson(reply.code(error.status), { detail: error.message })
}
