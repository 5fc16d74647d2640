import type { BlockList, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Door } from '../door-table.ts'
import type { Meter } from '../metrics/meter.ts'
import { readFirstBytes } from '../net/first-bytes.ts'
import { type ClientAddress, connectionKey, isAmong, standInFor } from './peer.ts'
import { type HeaderFault, type ProxyVersion, readProxyHeader } from './proxy-protocol.ts'

/** Why a connection gets no further than the header that its load balancer owes. */
export type ProxyRefusal = 'untrusted' | 'too_many' | 'timeout' | 'incomplete' | HeaderFault

export interface ArrivalOptions {
  readonly door: Door
  readonly meter: Meter
  readonly version: ProxyVersion
  /** The load balancers: nobody else may connect, so that no client says that it is another one. */
  readonly from: BlockList
  /** Milliseconds that a header may take. */
  readonly timeout: number
  /** Connections that have not sent theirs. */
  readonly maxPending: number
  readonly onRefused: (refusal: ProxyRefusal, address: string) => void
}

/** Connections that come through a load balancer, each of which begins with who its client is. */
export interface Arrivals {
  /** Takes the header off the connection, which has the client's address from then on. */
  receive(socket: Socket, next: () => void): void
  /** Gives the connection's TLS the same address. */
  secure(socket: TLSSocket): void
}

const CUTS = { untrusted: 'proxy_untrusted', too_many: 'proxy_pending' } as const

export function createArrivals(options: ArrivalOptions): Arrivals {
  const { door, meter, version, from, maxPending } = options
  // oldest first
  const pending = new Set<Socket>()
  // by the balancer's end of the connection
  const clients = new Map<string, ClientAddress>()

  function refuse(socket: Socket, refusal: ProxyRefusal, address: string): void {
    meter.connectionCut(door, refusal in CUTS ? CUTS[refusal as keyof typeof CUTS] : 'proxy_header')
    options.onRefused(refusal, address)
    socket.destroy()
  }

  function makeRoom(): void {
    const [oldest] = pending
    if (pending.size < maxPending || !oldest) return
    pending.delete(oldest)
    refuse(oldest, 'too_many', oldest.remoteAddress ?? '')
  }

  function name(socket: Socket, client: ClientAddress): void {
    const key = connectionKey(socket)
    clients.set(key, client)
    socket.once('close', () => {
      if (clients.get(key) === client) clients.delete(key)
    })
    standInFor(socket, client)
  }

  return {
    receive(socket, next) {
      const address = socket.remoteAddress
      if (address === undefined) {
        // it is reset already, as HAProxy ends its checks
        socket.destroy()
        return
      }
      if (!isAmong(from, address)) {
        refuse(socket, 'untrusted', address)
        return
      }
      makeRoom()
      pending.add(socket)
      readFirstBytes(socket, {
        deadline: options.timeout,
        decide(bytes) {
          const header = readProxyHeader(bytes, version)
          return header && { taken: header.fault === null ? header.length : 0, says: header }
        },
        onDecided(header) {
          pending.delete(socket)
          if (header.fault !== null) {
            refuse(socket, header.fault, address)
            return
          }
          if (header.client) name(socket, header.client)
          next()
        },
        onUnfinished({ ended, bytes }) {
          // whoever was cut to make room has been counted; balancers look whether a port is open and send nothing
          if (!pending.delete(socket) || (ended === 'closed' && bytes === 0)) return
          refuse(socket, ended === 'late' ? 'timeout' : 'incomplete', address)
        },
      })
    },
    secure(socket) {
      const client = clients.get(connectionKey(socket))
      if (client) standInFor(socket, client)
    },
  }
}
