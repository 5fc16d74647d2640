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

/** The real ends of a connection that shows the address of a client. */
const carrier = Symbol('carrier')

/** The addresses and ports that no other open connection has. They do not contain the address that a load balancer passes on. */
export function realEnds(
  socket: SocketAddresses & { readonly [carrier]?: SocketAddresses },
): SocketAddresses {
  return socket[carrier] ?? socket
}

/** Whether two sockets are of one connection, such as that of TCP and that of its TLS. */
export function isSameConnection(one: SocketAddresses, other: SocketAddresses): boolean {
  const [a, b] = [realEnds(one), realEnds(other)]
  return (
    a.remotePort === b.remotePort &&
    a.remoteAddress === b.remoteAddress &&
    // a client may use one port for several addresses of this machine
    a.localAddress === b.localAddress &&
    a.localPort === b.localPort
  )
}

/** Makes `socket` show the client address that a load balancer passes on. */
export function standInFor(socket: SocketAddresses, { address, port }: ClientAddress): void {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  Object.defineProperties(socket, {
    [carrier]: { value: { remoteAddress, remotePort, localAddress, localPort } },
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
