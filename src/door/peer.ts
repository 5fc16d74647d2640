import type { BlockList } from 'node:net'

/** The addresses and ports of a connection, by which a door knows it. */
export interface SocketAddresses {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** The client of a load balancer's connection. */
export interface ClientAddress {
  readonly address: string
  readonly port: number
}

/** Its real addresses, where it shows those of a client. */
const carrier = Symbol('carrier')

/** A key that no other open connection has. It does not contain the address that a load balancer passes on. */
export function connectionKey(peer: SocketAddresses & { readonly [carrier]?: string }): string {
  if (peer[carrier] !== undefined) return peer[carrier]
  // a client may use one port for several addresses of this machine
  const { remoteAddress, remotePort, localAddress, localPort } = peer
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}

/** Makes `socket` show the client address that a load balancer passes on. */
export function standInFor(socket: SocketAddresses, { address, port }: ClientAddress): void {
  Object.defineProperties(socket, {
    [carrier]: { value: connectionKey(socket) },
    remoteAddress: { value: address },
    remotePort: { value: port },
    remoteFamily: { value: address.includes(':') ? 'IPv6' : 'IPv4' },
  })
}

/** Whether an address, as a socket gives it, is in a list of addresses and networks. */
export function isAmong(list: BlockList, address: string): boolean {
  const [plain = ''] = address.split('%')
  return list.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}
