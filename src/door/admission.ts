import type { Socket } from 'node:net'
import { createChain, type Link } from '../chain.ts'
import type { Door } from '../door-table.ts'
import type { CutReason, Meter } from '../metrics/meter.ts'
import { addressGroup } from '../net/address.ts'
import { createByEnds } from './by-ends.ts'
import { createCounts } from './counts.ts'
import type { HandshakePace } from './handshake-pace.ts'
import type { SocketAddresses } from './peer.ts'
import type { Receive } from './steps.ts'

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
  admit(socket: Socket, begin: Receive): void
  /** Moves a connection from the strangers to its name. Returns why there is no room for it; it then stays a stranger. */
  identified(peer: SocketAddresses, id: string): CutReason | null
  /** The same, and ends the connection if there is no room. */
  claim(socket: SocketAddresses & Pick<Socket, 'destroy'>, id: string): void
}

/** The size of a TLS record (RFC 8446 §5.1), which holds a ClientHello. A client that sends more before the answer only fills memory. */
const MAX_UNREAD_BYTES = 16_384 + 5

/** Somebody who is connected. */
class Guest implements Link<Guest> {
  readonly socket: Socket
  readonly address: string
  state: 'stranger' | 'named' | 'gone' = 'stranger'
  /** Its name, once it is known. */
  id = ''
  before: Guest | null = null
  after: Guest | null = null

  constructor(socket: Socket, address: string) {
    this.socket = socket
    this.address = address
  }
}

/** The key under which a socket holds its guest: the socket of its TLS is another one, and finds it by its addresses. */
const GUEST = Symbol('guest')
type GuestSocket = Socket & { [GUEST]?: Guest }

export function createAdmission(options: AdmissionOptions): Admission {
  const { door, meter, pace, onFull } = options
  const guests = createByEnds<Guest>()
  // oldest first
  const strangers = createChain<Guest>()
  const byAddress = createCounts()
  const byName = createCounts()

  function enter(socket: GuestSocket): Guest {
    const address = addressGroup(socket.remoteAddress)
    if (byAddress.of(address) >= options.maxStrangersPerAddress)
      cutOldest(address, 'max_strangers_per_address')
    else if (strangers.size >= options.maxStrangers) cutOldest(byAddress.largest(), 'max_strangers')
    const guest = new Guest(socket, address)
    socket[GUEST] = guest
    guests.add(guest)
    strangers.add(guest)
    byAddress.add(address)
    socket.on('close', gone)
    return guest
  }

  /** A listener of a socket; one function for all sockets. */
  function gone(this: GuestSocket): void {
    const guest = this[GUEST] as Guest
    guests.remove(guest)
    leave(guest)
  }

  /** The oldest stranger goes, since it has had the most time to identify itself. */
  function cutOldest(address: string, reason: CutReason): void {
    let oldest = strangers.first()
    while (oldest && oldest.address !== address) oldest = oldest.after
    if (!oldest) return
    meter.connectionCut(door, reason)
    onFull(reason, address)
    leave(oldest)
    oldest.socket.destroy()
  }

  function leave(guest: Guest): void {
    const { state, id, address } = guest
    guest.state = 'gone'
    if (state === 'stranger') {
      strangers.remove(guest)
      byAddress.remove(address)
    } else if (state === 'named') byName.remove(id)
  }

  /** Waits until it is the turn of this address. */
  function delay(socket: Socket, address: string, begin: Receive): void {
    let hasBegun = false
    const cancel = pace.wait(address, () => {
      hasBegun = true
      socket.off('readable', boundUnread)
      begin(socket)
    })
    if (hasBegun) return
    meter.handshakeDelayed(door)
    socket.once('close', cancel)
    // once a PROXY header was read, the socket reads on
    if (socket.readableLength > 0) socket.on('readable', boundUnread)

    function boundUnread(): void {
      if (socket.readableLength <= MAX_UNREAD_BYTES) return
      meter.connectionCut(door, 'protocol_error')
      socket.destroy()
    }
  }

  function noRoomFor(id: string): CutReason | null {
    if (byName.of(id) >= options.maxConnectionsPerDevice) return 'max_connections_per_device'
    return byName.total >= options.maxConnections ? 'max_connections' : null
  }

  function identified(peer: SocketAddresses, id: string): CutReason | null {
    const guest = guests.find(peer)
    // it is closed already, or has a name
    if (guest?.state !== 'stranger') return null
    const reason = noRoomFor(id)
    if (reason) return reason
    leave(guest)
    guest.state = 'named'
    guest.id = id
    byName.add(id)
    return null
  }

  return {
    admit(socket, begin) {
      const { address } = enter(socket)
      if (pace.take(address)) begin(socket)
      else delay(socket, address, begin)
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
