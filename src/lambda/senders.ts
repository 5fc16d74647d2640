import { hash } from 'node:crypto'
import { createRecent } from '../budget/recent.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { alb } from '../identity/proxy/escaped-pem.ts'
import { createHeaderReader, type HeaderNames, headersOf } from '../identity/proxy/headers.ts'
import { readPem } from '../identity/proxy/pem.ts'
import { createProver, type ProverOptions } from '../identity/proxy/prove.ts'
import type { Senders } from '../identity/senders.ts'
import { type Proof, stillHolds } from '../identity/verify.ts'
import type { EventRequest } from './event.ts'

export interface EventSendersOptions extends ProverOptions {
  /** The headers in which a load balancer passes certificates on; null if none is trusted. */
  readonly loadBalancer: HeaderNames | null
  /** Certificates that are remembered with their proof, so that none is verified again for each request. */
  readonly mostRemembered: number
}

/** Who sends the requests of events, each of which has a connection in memory. */
export interface EventSenders extends Senders {
  /** Notes who sends what comes over `served`, before anything does. */
  name(served: object, request: EventRequest): void
}

/**
 * Reads the certificate where AWS alone writes, and verifies all of it again. A load balancer writes into headers, which a client
 * may forge where its listener has no mutual TLS: it is believed only where the operator says so.
 */
export function createEventSenders(options: EventSendersOptions): EventSenders {
  const { loadBalancer, trust, now = Date.now } = options
  const prover = createProver(options)
  const readHeaders = loadBalancer && createHeaderReader(headersOf(alb, loadBalancer))
  const named = new WeakMap<object, Identity | GatewayError>()
  const known = createRecent<Proof>(options.mostRemembered)

  function chainIn(request: EventRequest): readonly Buffer[] | GatewayError {
    if (!request.format.startsWith('alb'))
      return request.certificate === null ? notPassedOn() : readPem(request.certificate)
    if (!readHeaders) return notBelieved()
    const passed = readHeaders(headOf(request))
    return passed instanceof GatewayError ? passed : alb.read(passed)
  }

  function find(request: EventRequest): Identity | GatewayError {
    const chain = chainIn(request)
    if (chain instanceof GatewayError) return chain
    const key = hash('sha256', Buffer.concat(chain), 'base64')
    const before = known.get(key)
    if (before && stillHolds(before, trust(), now())) return before.identity
    known.delete(key)
    const proof = prover.prove(chain)
    if (proof instanceof GatewayError) return proof
    known.set(key, proof)
    return proof.identity
  }

  return {
    name: (served, request) => void named.set(served, find(request)),
    of: ({ socket }) =>
      named.get(socket) ??
      new GatewayError('certificate_required', 'This request has not been identified.'),
    // one at a time
    enter: () => null,
    ended: () => undefined,
  }
}

function headOf({ headers }: EventRequest) {
  const rawHeaders = [...headers].flatMap(([name, values]) =>
    values.flatMap((each) => [name, each]),
  )
  const joined = [...headers].map(([name, values]) => [name, values.join(', ')])
  return { rawHeaders, headers: Object.fromEntries(joined) }
}

function notPassedOn(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'API Gateway passed on no client certificate. Send the certificate of this device to the custom domain name that uses mutual TLS.',
  )
}

function notBelieved(): GatewayError {
  return new GatewayError(
    'certificate_required',
    'This function accepts no identity from a load balancer. Its operator must set WOTT_PROXY_IDENTITY=alb, once the listener uses mutual TLS.',
  )
}
