import { hash } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { createRecent } from '../../budget/recent.ts'
import { GatewayError } from '../../errors.ts'
import { createPace } from '../../turns/pace.ts'
import type { Identity } from '../identity.ts'
import type { Carrier, IdentifiableRequest, Senders } from '../senders.ts'
import { type Proof, stillHolds } from '../verify.ts'
import type { ProxyFormat } from './format.ts'
import { createHeaderReader, type HeaderNames, headersOf } from './headers.ts'
import { createProver, type ProverOptions } from './prove.ts'

export interface ProxiedSendersOptions extends ProverOptions {
  readonly format: ProxyFormat
  /** Names of its headers that the operator has given. */
  readonly names?: HeaderNames
  /** Certificates that are remembered with their proof, so that none is verified again for each request. */
  readonly mostRemembered: number
  /** Told of each that had to make room for another. */
  readonly onForgotten?: () => void
  /** Requests and WebSockets of one device that are under way. */
  readonly maxUnderWay: number
  /** Told of each device when it is verified anew. */
  onVerified(identity: Identity): void
  /** Told of each request whose sender is not known. */
  onRefused(error: GatewayError): void
  /** Told of each request that is refused because its device has as many under way as it may. */
  onFull(id: string): void
}

/** Who sends what a proxy passes on, one identity per request. */
export interface ProxiedSenders extends Senders {
  /** Those that have something under way, or had in the last minute. */
  all(): Iterable<ProxiedDevice>
  /** Verifies everybody who has something under way again, and ends it for those whose certificate no longer holds. */
  recheck(): Promise<void>
  close(): void
}

/** A device as far as the proxy shows it: which connection is whose, only the proxy knows. */
export interface ProxiedDevice {
  readonly id: string
  /** Of its first request that no pause of more than a minute follows, in milliseconds since the Unix epoch. */
  readonly since: number
}

/** A certificate that was verified, and what is under way of its device. */
interface Known {
  proof: Proof
  underWay: number
  since: number
  /** When something of its device began or ended last. */
  heardAt: number
  readonly ended: AbortController
}

/** A chain that was refused, remembered so that it costs no signature check when it is sent again. */
interface Refused {
  readonly error: GatewayError
  readonly trust: object
  readonly at: number
}

const SWEEP_MS = 1000
/** A device without a request for this long counts as gone. */
const GONE_MS = 60_000
const CHECKED_AT_ONCE = 100
const MOST_REFUSED = 1000
/** How long a refusal is remembered: a certificate may become valid in time. */
const REFUSED_MS = 10_000

/** Keeps the answer on the request, since both the door and the memory guard ask for it. */
const ANSWER = Symbol('sender')
type Named = { [ANSWER]?: Known | GatewayError }

export function createProxiedSenders(options: ProxiedSendersOptions): ProxiedSenders {
  const { format, trust, now = Date.now, onRefused } = options
  const readHeaders = createHeaderReader(headersOf(format, options.names))
  const prover = createProver(options)
  const known = createRecent<Known>(options.mostRemembered, options.onForgotten)
  const refused = createRecent<Refused>(MOST_REFUSED)
  const inUse = new Set<Known>()
  const byIdentity = new WeakMap<Identity, Known>()
  const underWay = new Map<string, number>()

  function find(request: IdentifiableRequest): Known | GatewayError {
    const passed = readHeaders(request)
    if (passed instanceof GatewayError) return passed
    const chain = format.read(passed)
    return chain instanceof GatewayError ? chain : lookUp(chain)
  }

  function lookUp(chain: readonly Buffer[]): Known | GatewayError {
    // its bytes themselves: a digest of them would cost a request more than all else here
    const key = (chain[0] as Buffer).toString('latin1')
    const before = known.get(key)
    // one that was ended is dead, also where its certificate is good again
    if (before && !before.ended.signal.aborted && holds(before)) return before
    known.delete(key)
    return verify(key, chain)
  }

  function holds(entry: Known): boolean {
    if (stillHolds(entry.proof, trust(), now())) return true
    const again = prover.again(entry.proof)
    if (again instanceof GatewayError) {
      end(entry, again)
      return false
    }
    entry.proof = again
    return true
  }

  function verify(key: string, chain: readonly Buffer[]): Known | GatewayError {
    // with other authorities beside it, it may hold
    const whole = chain.map(digest).join()
    const before = refused.get(whole)
    if (before && before.trust === trust() && now() - before.at < REFUSED_MS) return before.error
    refused.delete(whole)
    const proof = prover.prove(chain)
    if (proof instanceof GatewayError) {
      refused.set(whole, { error: proof, trust: trust(), at: now() })
      return proof
    }
    const ended = new AbortController()
    // each stream of a device listens
    setMaxListeners(0, ended.signal)
    const entry = { proof, underWay: 0, since: now(), heardAt: now(), ended }
    known.set(key, entry)
    byIdentity.set(proof.identity, entry)
    options.onVerified(proof.identity)
    return entry
  }

  function answerTo(request: IdentifiableRequest): Known | GatewayError {
    const named = request as Named
    if (named[ANSWER]) return named[ANSWER]
    const found = find(request)
    named[ANSWER] = found
    if (found instanceof GatewayError) onRefused(found)
    return found
  }

  function end(entry: Known, reason: GatewayError): void {
    inUse.delete(entry)
    entry.ended.abort(reason)
  }

  function enter(request: IdentifiableRequest, carrier: Carrier): GatewayError | null {
    const entry = answerTo(request)
    if (entry instanceof GatewayError) return entry
    if (entry.ended.signal.aborted) return entry.ended.signal.reason as GatewayError
    const { id } = entry.proof.identity
    const count = underWay.get(id) ?? 0
    if (count >= options.maxUnderWay) {
      options.onFull(id)
      return tooMuch(id, count)
    }
    underWay.set(id, count + 1)
    if (isGone(entry)) entry.since = now()
    entry.heardAt = now()
    entry.underWay += 1
    inUse.add(entry)
    carrier.once('close', () => {
      entry.underWay -= 1
      entry.heardAt = now()
      if (entry.underWay === 0) inUse.delete(entry)
      const left = (underWay.get(id) ?? 1) - 1
      if (left === 0) underWay.delete(id)
      else underWay.set(id, left)
    })
    return null
  }

  function isGone({ underWay, heardAt }: Known): boolean {
    return underWay === 0 && now() - heardAt > GONE_MS
  }

  async function recheck(): Promise<void> {
    const pace = createPace(CHECKED_AT_ONCE)
    for (const entry of inUse) {
      if (stillHolds(entry.proof, trust(), now())) continue
      while (!pace.take()) await pace.turn()
      holds(entry)
    }
  }

  const sweeper = setInterval(() => void recheck(), SWEEP_MS).unref()
  return {
    of(request) {
      const found = answerTo(request)
      return found instanceof GatewayError ? found : found.proof.identity
    },
    enter,
    *all() {
      for (const entry of known.values())
        if (!isGone(entry) && !entry.ended.signal.aborted)
          yield { id: entry.proof.identity.id, since: entry.since }
    },
    ended: (identity) => byIdentity.get(identity)?.ended.signal,
    recheck,
    close: () => clearInterval(sweeper),
  }
}

function digest(bytes: Buffer): string {
  return hash('sha256', bytes, 'base64')
}

function tooMuch(id: string, count: number): GatewayError {
  return new GatewayError(
    'quota_exceeded',
    `${id} has ${count} open requests and WebSockets, which is the limit (WOTT_MAX_CONNECTIONS_PER_DEVICE).`,
    { retryAfter: 1 },
  )
}
