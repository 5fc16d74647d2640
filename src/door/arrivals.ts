import type { BlockList, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Door } from '../door-table.ts'
import type { Meter } from '../metrics/meter.ts'
import { createFirstBytes } from '../net/first-bytes.ts'
import { createByEnds } from './by-ends.ts'
import { type ClientAddress, isAmong, standInFor } from './peer.ts'
import {
  type HeaderFault,
  type ProxyHeader,
  type ProxyVersion,
  readProxyHeader,
} from './proxy-protocol.ts'
import type { Step } from './steps.ts'

/** Why a connection is refused for its PROXY protocol header. */
export type ProxyRefusal = 'untrusted' | 'too_many' | 'timeout' | 'incomplete' | HeaderFault

export interface ArrivalOptions {
  readonly door: Door
  readonly meter: Meter
  readonly version: ProxyVersion
  /** The load balancers. Nobody else may connect, so that no client can claim another address. */
  readonly from: BlockList
  /** Milliseconds that a header may take; balancers send it at once. */
  readonly timeoutMs?: number
  /** How many connections may be open that have not sent their header. */
  readonly maxPending: number
  readonly onRefused: (refusal: ProxyRefusal, address: string) => void
}

/** Connections through a load balancer, each of which begins with its client's address (PROXY protocol). */
export interface Arrivals {
  /** Reads the header; from then on the connection shows the client's address. */
  readonly receive: Step
  /** Gives the connection's TLS the same address. */
  secure(socket: TLSSocket): void
}

const TIMEOUT_MS = 3_000
const CUTS = { untrusted: 'proxy_untrusted', too_many: 'proxy_pending' } as const

export function createArrivals(options: ArrivalOptions): Arrivals {
  const { door, meter, version, from, maxPending, timeoutMs = TIMEOUT_MS } = options
  // oldest first
  const pending = new Set<Socket>()
  const clients = createByEnds<{ readonly socket: Socket; readonly client: ClientAddress }>()

  function refuse(socket: Socket, refusal: ProxyRefusal): void {
    meter.connectionCut(door, refusal in CUTS ? CUTS[refusal as keyof typeof CUTS] : 'proxy_header')
    // the socket still knows its address when it is closed, because it was asked for before
    options.onRefused(refusal, socket.remoteAddress ?? '')
    socket.destroy()
  }

  function makeRoom(): void {
    const [oldest] = pending
    if (pending.size < maxPending || !oldest) return
    pending.delete(oldest)
    refuse(oldest, 'too_many')
  }

  function name(socket: Socket, client: ClientAddress): void {
    const arrived = { socket, client }
    clients.add(arrived)
    socket.once('close', () => clients.remove(arrived))
    standInFor(socket, client)
  }

  return {
    receive(next) {
      const readHeader = createFirstBytes<ProxyHeader>({
        deadlineMs: timeoutMs,
        decide(bytes) {
          const header = readProxyHeader(bytes, version)
          return header && { taken: header.fault === null ? header.length : 0, says: header }
        },
        onDecided(socket, header) {
          pending.delete(socket)
          if (header.fault !== null) {
            refuse(socket, header.fault)
            return
          }
          if (header.client) name(socket, header.client)
          next(socket)
        },
        onUnfinished(socket, { ended, bytes }) {
          // those that were cut to make room are counted already, and health checks of balancers send nothing
          if (!pending.delete(socket) || (ended === 'closed' && bytes === 0)) return
          refuse(socket, ended === 'late' ? 'timeout' : 'incomplete')
        },
      })
      return (socket) => {
        const address = socket.remoteAddress
        if (address === undefined) {
          // it is reset already: HAProxy's health checks end so
          socket.destroy()
          return
        }
        if (!isAmong(from, address)) {
          refuse(socket, 'untrusted')
          return
        }
        makeRoom()
        pending.add(socket)
        readHeader(socket)
      }
    },
    secure(socket) {
      const arrived = clients.find(socket)
      if (arrived) standInFor(socket, arrived.client)
    },
  }
}
