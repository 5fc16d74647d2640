import type { Socket } from 'node:net'
import type { Door } from '../door-table.ts'
import type { Meter } from '../metrics/meter.ts'
import { createFirstBytes } from '../net/first-bytes.ts'
import { beginsWithProxyHeader } from './proxy-protocol.ts'
import type { Step } from './steps.ts'

/** The protocol of a door as clients without TLS speak it. */
export interface PlainProtocol {
  readonly name: string
  /** Whether a connection that begins with this byte speaks it. No TLS record begins with such a byte. */
  beginsWith(byte: number): boolean
  /** The answer to its client; null where the connection is just closed. */
  readonly answer: (() => string) | null
}

export interface PlainTextOptions {
  readonly door: Door
  readonly meter: Meter
  readonly protocol: PlainProtocol
  /** Called for each connection that begins without TLS. */
  readonly onPlain: (protocol: string, address: string | undefined) => void
  /** Called for each connection on which nothing comes in time. */
  readonly onSilent: (socket: Socket) => void
}

/** What load balancers send where this door is not configured for it. */
export const PROXY_PROTOCOL = 'PROXY protocol'

/** The first byte of a TLS connection, which no other protocol of a door begins with (RFC 8446 §5.1). */
const HANDSHAKE_RECORD = 22
/** The time until the first byte; the handshake then has as much again. */
const FIRST_BYTE_MS = 10_000
/** The time that a client has to read its answer. */
const PARTING_MS = 1_000

/** Looks at the first byte of a connection. TLS goes on; a client that speaks the door's protocol without TLS is told so. */
export function createPlainText(options: PlainTextOptions): Step {
  const { door, meter, protocol, onPlain, onSilent } = options

  function dismiss(socket: Socket, { name, answer }: Pick<PlainProtocol, 'name' | 'answer'>): void {
    meter.connectionCut(door, 'plain_text')
    onPlain(name, socket.remoteAddress)
    if (!answer) {
      socket.destroy()
      return
    }
    // unread bytes would make the system reset the connection before the answer arrives
    socket.resume()
    socket.once('end', () => socket.destroy())
    socket.end(answer())
    setTimeout(() => socket.destroy(), PARTING_MS).unref()
  }

  /** The protocol that a connection speaks without TLS; null for TLS. */
  function spokenIn(bytes: Buffer): Pick<PlainProtocol, 'name' | 'answer'> | null {
    if (bytes.readUInt8(0) === HANDSHAKE_RECORD) return null
    if (beginsWithProxyHeader(bytes)) return { name: PROXY_PROTOCOL, answer: null }
    return protocol.beginsWith(bytes.readUInt8(0)) ? protocol : null
  }

  return (next) =>
    createFirstBytes({
      deadlineMs: FIRST_BYTE_MS,
      decide: (bytes) => ({ taken: 0, says: spokenIn(bytes) }),
      onDecided: (socket, spoken) => (spoken ? dismiss(socket, spoken) : next(socket)),
      // port scanners and health checks, which close without a byte, are not reported
      onUnfinished: (socket, { ended }) => ended === 'late' && onSilent(socket),
    })
}
