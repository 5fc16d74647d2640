import type { Socket } from 'node:net'
import type { Door } from '../door-table.ts'
import type { Meter } from '../metrics/meter.ts'
import { readFirstBytes } from '../net/first-bytes.ts'
import { beginsWithProxyHeader } from './proxy-protocol.ts'
import type { Step } from './steps.ts'

/** The protocol of a door, as those speak it who forget TLS. */
export interface PlainProtocol {
  readonly name: string
  /** Whether a connection that begins with this byte speaks it; no TLS record may. */
  beginsWith(byte: number): boolean
  /** What its client is told; null where it is just closed. */
  readonly answer: (() => string) | null
}

export interface PlainTextOptions {
  readonly door: Door
  readonly meter: Meter
  readonly protocol: PlainProtocol
  /** Told of each connection that begins without TLS. */
  readonly onPlain: (protocol: string, address: string | undefined) => void
  /** Told of each connection on which nothing came. */
  readonly onSilent: (socket: Socket) => void
}

/** What a load balancer sends that takes this door for one that is behind it. */
export const PROXY_PROTOCOL = 'PROXY protocol'

/** What a client has to send its first byte, and then as much again for its handshake. */
const FIRST_BYTE_MS = 10_000
/** What a client has to read its answer. */
const PARTING_MS = 1_000

/** Looks at the first byte of a connection: TLS goes on, and whoever speaks the door's protocol without it hears that. */
export function createPlainText(options: PlainTextOptions): Step {
  const { door, meter, protocol, onPlain, onSilent } = options

  function dismiss(socket: Socket, { name, answer }: Pick<PlainProtocol, 'name' | 'answer'>): void {
    meter.connectionCut(door, 'plain_text')
    onPlain(name, socket.remoteAddress)
    if (!answer) {
      socket.destroy()
      return
    }
    // what is left unread would reset the connection, and the answer with it
    socket.resume()
    socket.once('end', () => socket.destroy())
    socket.end(answer())
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }

  /** What is spoken instead of TLS. */
  function spokenIn(bytes: Buffer): Pick<PlainProtocol, 'name' | 'answer'> | null {
    if (beginsWithProxyHeader(bytes)) return { name: PROXY_PROTOCOL, answer: null }
    return protocol.beginsWith(bytes.readUInt8(0)) ? protocol : null
  }

  return (socket, next) =>
    readFirstBytes(socket, {
      deadline: FIRST_BYTE_MS,
      decide: (bytes) => ({ taken: 0, says: spokenIn(bytes) }),
      onDecided: (spoken) => (spoken ? dismiss(socket, spoken) : next()),
      // a scanner, or a balancer that looks whether the port is open
      onUnfinished: ({ ended }) => ended === 'late' && onSilent(socket),
    })
}
