import { isSameConnection, realEnds, type SocketAddresses } from './peer.ts'

/** Open connections, to be found by the addresses and ports of both ends. */
export interface ByEnds<T> {
  add(item: T): void
  /** Does nothing if the item is not there. */
  remove(item: T): void
  find(socket: SocketAddresses): T | null
}

/**
 * By the port of the client, which few connections share. A text of all four as the key would cost each connection several
 * times as much: V8 keeps one copy of each text that is a key, in its old heap.
 */
export function createByEnds<T extends { readonly socket: SocketAddresses }>(): ByEnds<T> {
  const byPort = new Map<number, T[]>()
  const portOf = (socket: SocketAddresses) => realEnds(socket).remotePort ?? 0

  return {
    add(item) {
      const port = portOf(item.socket)
      const others = byPort.get(port)
      if (others) others.push(item)
      else byPort.set(port, [item])
    },
    remove(item) {
      const port = portOf(item.socket)
      const items = byPort.get(port)
      const index = items?.indexOf(item) ?? -1
      if (!items || index < 0) return
      if (items.length === 1) byPort.delete(port)
      else items.splice(index, 1)
    },
    find(socket) {
      const items = byPort.get(portOf(socket)) ?? []
      return items.find((item) => isSameConnection(item.socket, socket)) ?? null
    },
  }
}
