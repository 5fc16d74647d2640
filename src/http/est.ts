import { toCertsOnly } from '../ca/certs-only.ts'
import { MAX_CSR_BYTES } from '../ca/read-csr.ts'
import type { Credential } from '../enrol/decision.ts'
import type { EnrolOutcome } from '../enrol/enrolment.ts'
import { peerOf } from '../enrol/peer.ts'
import { shownBy } from '../enrol/standing.ts'
import { csrIn, type DecideCsr, inviteIn, REFUSAL_STATUS } from './enrol-request.ts'
import type { App, Reply, Request } from './fastify.ts'

export const EST_PATH = '/.well-known/est'
const PKCS7 = 'application/pkcs7-mime; smime-type=certs-only'
const PEM = 'application/pem-certificate-chain'

/** SEQUENCE { SEQUENCE { id-ecPublicKey, SET { prime256v1 } }, ecdsa-with-SHA256 } (RFC 9908 §3). */
const CSR_ATTRIBUTES = Buffer.from(
  '3021301506072a8648ce3d0201310a06082a8648ce3d03010706082a8648ce3d040302',
  'hex',
)

export interface EstOptions {
  /** Every CA in force, PEM. */
  authorities(): readonly string[]
  readonly ask: DecideCsr
  /** Notes that a device has the certificate that it shows. */
  present(request: Request): Promise<unknown>
}

/** Enrolment over Secure Transport (RFC 7030), which `pki --est`, curl and many devices speak. */
export function estRoutes(app: App, { authorities, ask, present }: EstOptions): void {
  const enrol = async (request: Request, reply: Reply, credential: Credential) =>
    answer(request, reply, await ask(request, credential, csrIn(request.body)))

  app.get(`${EST_PATH}/cacerts`, async (request, reply) => {
    await present(request)
    return sendCertificates(request, reply, authorities())
  })
  app.get(`${EST_PATH}/csrattrs`, async (_request, reply) =>
    sendBase64(reply, 'application/csrattrs', CSR_ATTRIBUTES.toString('base64')),
  )
  const options = { bodyLimit: MAX_CSR_BYTES }
  app.post(`${EST_PATH}/simpleenroll`, options, async (request, reply) =>
    enrol(request, reply, inviteIn(request.headers.authorization) ?? { kind: 'none' }),
  )
  app.post(`${EST_PATH}/simplereenroll`, options, async (request, reply) => {
    const certificate = peerOf(request.raw.socket)
    if (certificate !== null)
      return enrol(request, reply, { kind: 'certificate', shown: shownBy(certificate) })
    return sendSentence(
      reply,
      401,
      'Show the certificate that is to be renewed; it must be from this CA.',
    )
  })
}

function answer(request: Request, reply: Reply, outcome: EnrolOutcome): Reply {
  switch (outcome.kind) {
    case 'issued':
      return sendCertificates(request, reply, [outcome.certificate])
    case 'wait':
      reply.header('retry-after', outcome.retryAfter)
      return sendSentence(
        reply,
        202,
        'An operator has to approve this key first. Send the same request again.',
      )
    case 'refuse': {
      const status = REFUSAL_STATUS[outcome.reason]
      if (status === 401) reply.header('www-authenticate', 'Basic realm="enrol", charset="UTF-8"')
      if (outcome.retryAfter !== undefined) reply.header('retry-after', outcome.retryAfter)
      return sendSentence(reply, status, outcome.detail)
    }
  }
}

/** PKCS #7, as the RFC says, or PEM where the client asks for it: curl, mbedTLS and MicroPython can use that directly. */
function sendCertificates(request: Request, reply: Reply, certificates: readonly string[]): Reply {
  reply.header('vary', 'accept')
  if ((request.headers.accept ?? '').includes(PEM))
    return reply.type(PEM).send(certificates.join(''))
  return sendBase64(reply, PKCS7, toCertsOnly(certificates))
}

function sendBase64(reply: Reply, type: string, base64: string): Reply {
  return reply.header('content-transfer-encoding', 'base64').type(type).send(base64)
}

/** EST's errors are a sentence for people (RFC 7030 §4.2.3). */
export function sendSentence(reply: Reply, status: number, sentence: string): Reply {
  return reply.code(status).type('text/plain; charset=utf-8').send(`${sentence}\n`)
}
