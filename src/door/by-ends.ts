import { randomInt } from 'node:crypto'
import { isSameConnection, realEnds, type SocketAddresses } from './peer.ts'

/** Open connections, to be found by the addresses and ports of both ends. */
export interface ByEnds<T> {
  add(item: T): void
  /** Does nothing if the item is not there. */
  remove(item: T): void
  find(socket: SocketAddresses): T | null
}

/** Ports of a client, and as many groups of connections at most. */
const PORTS = 0x10000

/**
 * Connections are grouped by a number that is made of the client's port and address. A port alone is not enough: devices of one make
 * may all connect from the same one. A text of both ends as the key would cost each connection several times as much: V8 keeps
 * one copy of each text that is a key, in its old heap.
 */
export function createByEnds<T extends { readonly socket: SocketAddresses }>(): ByEnds<T> {
  // nobody can choose addresses that are in one group
  const seed = randomInt(2 ** 31)
  const groups = new Map<number, T[]>()

  function groupOf(socket: SocketAddresses): number {
    const { remoteAddress = '', remotePort = 0 } = realEnds(socket)
    let hash = seed
    for (let index = 0; index < remoteAddress.length; index++)
      hash = Math.imul(hash ^ remoteAddress.charCodeAt(index), 0x01000193)
    return (remotePort ^ hash ^ (hash >>> 16)) & (PORTS - 1)
  }

  return {
    add(item) {
      const group = groupOf(item.socket)
      const others = groups.get(group)
      if (others) others.push(item)
      else groups.set(group, [item])
    },
    remove(item) {
      const group = groupOf(item.socket)
      const items = groups.get(group)
      const index = items?.indexOf(item) ?? -1
      if (!items || index < 0) return
      if (items.length === 1) groups.delete(group)
      else items.splice(index, 1)
    },
    find(socket) {
      const items = groups.get(groupOf(socket)) ?? []
      return items.find((item) => isSameConnection(item.socket, socket)) ?? null
    },
  }
}
