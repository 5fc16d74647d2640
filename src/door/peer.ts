import type { BlockList } from 'node:net'

/** One end of a connection, which a door knows by the addresses and ports of both. */
export interface SocketAddresses {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** Who is at the other end of a load balancer's connection. */
export interface ClientAddress {
  readonly address: string
  readonly port: number
}

/** The connection itself, where its address is not the one that it names. */
const carrier = Symbol('carrier')

/** Tells a connection from all others that are open; the address that a load balancer names for it does not count. */
export function connectionKey(peer: SocketAddresses & { readonly [carrier]?: string }): string {
  if (peer[carrier] !== undefined) return peer[carrier]
  // a client may use one port for several addresses of this machine
  const { remoteAddress, remotePort, localAddress, localPort } = peer
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

/** Has `socket` give the address of the client that a load balancer names, wherever it is asked for it. */
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
