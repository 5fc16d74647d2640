import type { Socket } from 'node:net'
import type { Door } from '../door-table.ts'
import type { CutReason, Meter } from '../metrics/meter.ts'
import { addressGroup } from '../net/address.ts'
import type { HandshakePace } from './handshake-pace.ts'
import { connectionKey, type SocketAddresses } from './peer.ts'

export interface AdmissionOptions {
  readonly door: Door
  readonly meter: Meter
  /** Connections whose name is known, and those of one name. */
  readonly maxConnections: number
  readonly maxConnectionsPerDevice: number
  /** Connections whose name is not known yet, and those of one address. */
  readonly maxStrangers: number
  readonly maxStrangersPerAddress: number
  readonly pace: HandshakePace
  /** Called for each connection that finds no room, with its name or address. */
  onFull(reason: CutReason, who: string): void
}

/** Bounds the connections of a door. Strangers, whose identity is not known yet, have places of their own. */
export interface Admission {
  /** Gives a connection a stranger's place, and calls `begin` when it is its turn to begin its handshake. */
  admit(socket: Socket, begin: () => void): void
  /** Moves a connection from the strangers to its name. Returns why there is no room for it; it then stays a stranger. */
  identified(peer: SocketAddresses, id: string): CutReason | null
  /** The same, and ends the connection if there is no room. */
  claim(socket: SocketAddresses & Pick<Socket, 'destroy'>, id: string): void
}

/** The size of a TLS record (RFC 8446 §5.1), which holds a ClientHello. A client that sends more before the answer only fills memory. */
const MAX_UNREAD_BYTES = 16_384 + 5

interface Guest {
  readonly socket: Socket
  readonly address: string
  id: string | null
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { door, meter, pace, onFull } = options
  const guests = new Map<string, Guest>()
  // oldest first
  const strangers = new Map<string, Set<Guest>>()
  let strangerCount = 0
  const named = new Map<string, number>()
  let namedCount = 0

  function enter(socket: Socket): Guest {
    const address = addressGroup(socket.remoteAddress)
    const own = strangers.get(address)
    if (own && own.size >= options.maxStrangersPerAddress)
      cutOldest(address, own, 'max_strangers_per_address')
    else if (strangerCount >= options.maxStrangers) cutOldest(...largest(), 'max_strangers')
    const guest: Guest = { socket, address, id: null }
    const key = connectionKey(socket)
    guests.set(key, guest)
    const group = strangers.get(address) ?? new Set()
    strangers.set(address, group.add(guest))
    strangerCount += 1
    socket.once('close', () => {
      if (guests.get(key) === guest) guests.delete(key)
      leave(guest)
    })
    return guest
  }

  /** The address with the most strangers. */
  function largest(): [string, Set<Guest>] {
    let found: [string, Set<Guest>] = ['', new Set()]
    for (const entry of strangers) if (entry[1].size > found[1].size) found = entry
    return found
  }

  /** The oldest stranger goes, since it has had the most time to identify itself. */
  function cutOldest(address: string, group: Set<Guest>, reason: CutReason): void {
    const [oldest] = group
    if (!oldest) return
    meter.connectionCut(door, reason)
    onFull(reason, address)
    leave(oldest)
    oldest.socket.destroy()
  }

  function leave(guest: Guest): void {
    const { id, address } = guest
    if (id !== null) {
      guest.id = null
      namedCount -= 1
      const left = (named.get(id) ?? 1) - 1
      if (left === 0) named.delete(id)
      else named.set(id, left)
      return
    }
    const group = strangers.get(address)
    if (!group?.delete(guest)) return
    strangerCount -= 1
    if (group.size === 0) strangers.delete(address)
  }

  function noRoomFor(id: string): CutReason | null {
    if ((named.get(id) ?? 0) >= options.maxConnectionsPerDevice) return 'max_connections_per_device'
    return namedCount >= options.maxConnections ? 'max_connections' : null
  }

  function identified(peer: SocketAddresses, id: string): CutReason | null {
    const guest = guests.get(connectionKey(peer))
    // it is closed already, or has a name
    if (!guest || guest.id !== null) return null
    const reason = noRoomFor(id)
    if (reason) return reason
    leave(guest)
    guest.id = id
    namedCount += 1
    named.set(id, (named.get(id) ?? 0) + 1)
    return null
  }

  return {
    admit(socket, begin) {
      const { address } = enter(socket)
      const turn = pace.begin(address, () => {
        socket.off('readable', boundUnread)
        begin()
      })
      if (!turn.isDelayed) return
      meter.handshakeDelayed(door)
      socket.once('close', turn.cancel)
      // once a PROXY header was read, the socket reads on
      if (socket.readableLength > 0) socket.on('readable', boundUnread)

      function boundUnread(): void {
        if (socket.readableLength <= MAX_UNREAD_BYTES) return
        meter.connectionCut(door, 'protocol_error')
        socket.destroy()
      }
    },
    identified,
    claim(socket, id) {
      const reason = identified(socket, id)
      if (!reason) return
      meter.connectionCut(door, reason)
      onFull(reason, id)
      socket.destroy()
    },
  }
}
