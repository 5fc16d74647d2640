import type { Hold, Kind, Ledger } from '../budget/ledger.ts'
import { type Chain, createChain, type Link } from '../chain.ts'
import { GatewayError } from '../errors.ts'
import type { Identity } from '../identity/identity.ts'
import { addressGroup } from '../net/address.ts'
import { callerIn } from './caller.ts'
import type { Request } from './fastify.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import { carrierOf, ownCarrierOf } from './http2-stream.ts'

/** The ledgers of an HTTP door. */
export interface HttpMemory {
  /** For devices and viewers, by name. */
  readonly memory: Ledger
  /** For clients without an identity, by address. */
  readonly strangers: Ledger
}

/** The memory of a request under way besides its headers: its objects, and a small body and a small answer. */
const REQUEST_BYTES = 8_192
export const SMALL_BYTES = 2_048

/** What the requests of one connection hold. */
interface Connection {
  readonly requests: Chain<Holding>
  /** Whether a refusal is on its way that the client has not read yet. */
  isRefused: boolean
}

/** The key under which a carrier holds its connection: cheaper for each connection than a map. */
const CONNECTION = Symbol('connection')
type WithConnection = { [CONNECTION]?: Connection }

type OpenFor = (request: HttpRequest, kind: Kind) => Hold

/** What one request holds. A class for the reason of `Exchange`. */
class Holding implements Link<Holding> {
  readonly request: HttpRequest
  readonly connection: Connection
  /** A new list for each change, because one that grows reserves room for sixteen more. */
  holds: readonly Hold[]
  readonly openFor: OpenFor
  before: Holding | null = null
  after: Holding | null = null

  constructor(request: HttpRequest, connection: Connection, own: Hold, openFor: OpenFor) {
    this.request = request
    this.connection = connection
    this.holds = [own]
    this.openFor = openFor
  }
}

/** The key under which a request or response holds its `Holding`: cheaper for each request than a map. */
const HOLDING = Symbol('holding')
type WithHolding = { [HOLDING]?: Holding }

export interface RequestMemoryOptions extends HttpMemory {
  /** Who sends a request; without it every client counts as one without an identity. */
  readonly whoSends?: ((request: HttpRequest) => Identity | GatewayError) | undefined
  /** Whether a connection carries the requests of several clients, so that it must not end for one of them. */
  readonly isShared: boolean
}

/** Counts the memory of each request until its answer is read; returns a refusal where there is no room. */
export function createRequestMemory({
  memory,
  strangers,
  whoSends,
  isShared,
}: RequestMemoryOptions): (request: HttpRequest, response: HttpResponse) => GatewayError | null {
  function openFor(request: HttpRequest, kind: Kind): Hold {
    const who = whoSends?.(request) ?? null
    return who === null || who instanceof GatewayError
      ? strangers.open(addressGroup(request.socket.remoteAddress), kind)
      : memory.open(who.id, kind)
  }

  return (request, response) => {
    const connection = connectionOf(request)
    const own = openFor(request, 'request')
    if (!own.resize(REQUEST_BYTES + headerBytes(request))) {
      // a client that does not read its refusals would make them pile up
      if (connection.isRefused) (isShared ? ownCarrierOf(request) : carrierOf(request)).destroy()
      connection.isRefused = true
      response.once('close', () => {
        connection.isRefused = false
      })
      return noRoom()
    }
    const holding = new Holding(request, connection, own, openFor)
    ;(request as WithHolding)[HOLDING] = holding
    ;(response as WithHolding)[HOLDING] = holding
    connection.requests.add(holding)
    response.on('close', closed)
    return null
  }
}

function connectionOf(request: HttpRequest): Connection {
  const carrier: ReturnType<typeof carrierOf> & WithConnection = carrierOf(request)
  const known = carrier[CONNECTION]
  if (known) return known
  const made = { requests: createChain<Holding>(), isRefused: false }
  carrier[CONNECTION] = made
  // answers that wait behind another one on an HTTP/1.1 connection do not report the end of the connection
  carrier.on('close', ended)
  return made
}

/** A listener of a connection; one function for all connections. */
function ended(this: WithConnection): void {
  this[CONNECTION]?.requests.each(release)
}

/** A listener of a response; one function for all responses. */
function closed(this: WithHolding): void {
  const holding = this[HOLDING] as Holding
  holding.connection.requests.remove(holding)
  release(holding)
}

function release({ holds }: Holding): void {
  for (const hold of holds) hold.release()
}

/** A hold in the name of a request's sender, until its answer is read or its connection ends. */
export function holdFor(
  request: Request,
  { memory }: Pick<HttpMemory, 'memory'>,
  kind: Kind,
): Hold {
  const holding = (request.raw as WithHolding)[HOLDING]
  if (!holding) throw new Error('a request reached a route without being counted')
  const caller = callerIn(request)
  const hold =
    caller?.door === 'viewer'
      ? memory.open(`viewer ${caller.identity.id}`, kind)
      : holding.openFor(holding.request, kind)
  holding.holds = holding.holds.concat(hold)
  return hold
}

export function noRoom(): GatewayError {
  return new GatewayError(
    'quota_exceeded',
    'The memory limit for this device, or for all clients together, is reached (WOTT_MEMORY_BYTES_PER_DEVICE, WOTT_MEMORY_BYTES). Read the answers, and send less at once.',
    { retryAfter: 1 },
  )
}

function headerBytes({ rawHeaders, url }: HttpRequest): number {
  let bytes = url.length
  for (const text of rawHeaders) bytes += text.length
  return bytes
}
