import { readdir, readFile } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'

/** Descriptors that no connection takes: for the doors themselves, the disk, the names of brokers, and the ops door. */
const RESERVE = 144

/** What one door's strangers have of the slots: one in eight. */
const STRANGERS_SHARE = 8

/** Places for connections that several doors share. */
export interface ConnectionSlots {
  readonly total: number
  /** How many strangers one door has at most, so that those of all doors cannot keep a device out. */
  readonly forStrangers: number
  /** Lets `server` have up to `most` connections, as long as there is a place for them. */
  share(server: Server, most: number): void
}

interface Share {
  readonly server: Server
  readonly most: number
  /** How many it has. */
  own: number
  add(by: number): void
}

/** The key under which a socket holds the share that it is counted in. */
const SHARE = Symbol('share')
type CountedSocket = Socket & { [SHARE]?: Share }

/** Node itself drops what is beyond, before anything is made of it. */
export function createConnectionSlots(total: number): ConnectionSlots {
  const shares: Share[] = []
  let taken = 0
  let mostOfAny = 0
  // whether a server may have fewer than its most
  let isShort = true

  function allot(): void {
    const free = Math.max(0, total - taken)
    if (free >= mostOfAny && !isShort) return
    isShort = free < mostOfAny
    for (const { server, most, own } of shares) server.maxConnections = Math.min(most, own + free)
  }

  return {
    total,
    forStrangers: Math.max(1, Math.floor(total / STRANGERS_SHARE)),
    share(server, most) {
      const share: Share = {
        server,
        most,
        own: 0,
        add(by) {
          share.own += by
          taken += by
          allot()
        },
      }
      shares.push(share)
      mostOfAny = Math.max(mostOfAny, most)
      isShort = true
      server.prependListener('connection', (socket: CountedSocket) => {
        // what another address of a door lets in comes to the door's own server too
        if (socket[SHARE]) return
        socket[SHARE] = share
        share.add(1)
        socket.on('close', freed)
      })
      allot()
    },
  }
}

/** A listener of a socket; one function for all sockets. */
function freed(this: CountedSocket): void {
  this[SHARE]?.add(-1)
}

/** How many descriptors connections may have: what the system allows, less what is open and a reserve. Infinity where it is not known. */
export async function availableSlots(): Promise<number> {
  try {
    const [limits, open] = await Promise.all([
      readFile('/proc/self/limits', 'latin1'),
      readdir('/proc/self/fd'),
    ])
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    if (soft === undefined) return Number.POSITIVE_INFINITY
    return Math.max(1, Number(soft) - open.length - RESERVE)
  } catch {
    // not Linux, or /proc is not there
    return Number.POSITIVE_INFINITY
  }
}
