import type { Duplex } from 'node:stream'
import type { CutReason } from '../metrics/meter.ts'

export interface FrameLimits {
  /** Bytes of the CONNECT packet. */
  readonly connect: number
  /** Bytes of any later packet. */
  readonly packet: number
  /** Milliseconds that one packet may take to arrive. */
  readonly time: number
}

/** Why a connection was ended, and which bound that was if it was one. */
export interface FrameProblem {
  readonly message: string
  readonly bound: CutReason | null
}

const TOO_SLOW: FrameProblem = {
  message: 'a packet that did not arrive in time',
  bound: 'packet_timeout',
}
const NO_LENGTH: FrameProblem = { message: 'a packet whose length is not valid', bound: null }

/**
 * Ends a connection whose next MQTT packet is larger or slower than it may be, as soon as its fixed
 * header says so. aedes has no bound: it would collect up to 256 MB for each connection, before CONNECT too.
 * Reads return nothing while `isHeld` says so; the caller reads again afterwards.
 */
export function guardFrames(
  stream: Duplex,
  limits: FrameLimits,
  onRefused: (problem: FrameProblem) => void,
  isHeld: () => boolean = () => false,
): void {
  const read = stream.read.bind(stream)
  let limit = limits.connect
  // within a fixed header: bytes of it that were read, and the remaining length so far [MQTT-2.2.3]
  let headerBytes = 0
  let remaining = 0
  // within a packet: bytes of it that are still to come
  let missing = 0
  // packets that were read to their end
  let ended = 0
  let timer: NodeJS.Timeout | undefined

  /** The next packet may be as large as packets are, and has its time before it. */
  function packetEnds(): void {
    ended += 1
    limit = limits.packet
    clearTimeout(timer)
    timer = undefined
  }

  function refuse(problem: FrameProblem): void {
    onRefused(problem)
    stream.destroy()
  }

  /** Follows the packets through one chunk. Says what is wrong with them, or null. */
  function problemIn(chunk: Buffer): FrameProblem | null {
    let at = 0
    while (at < chunk.length) {
      if (missing > 0) {
        const taken = Math.min(missing, chunk.length - at)
        missing -= taken
        at += taken
        if (missing === 0) packetEnds()
        continue
      }
      const byte = chunk[at] as number
      at += 1
      headerBytes += 1
      if (headerBytes === 1) continue
      remaining += (byte & 0x7f) * 128 ** (headerBytes - 2)
      if (remaining > limit) return tooLarge(remaining, limit)
      if (byte & 0x80) {
        if (headerBytes === 5) return NO_LENGTH
        continue
      }
      missing = remaining
      if (missing === 0) packetEnds()
      headerBytes = 0
      remaining = 0
    }
    return null
  }

  // a packet that is handled at once has aedes read on while its parser is still at that packet, and the parser, entered
  // again, takes the next chunk for something else; so there is nothing more to read until it is done
  let parsing = false
  let askedAgain = false
  function parsed(): void {
    parsing = false
    if (!askedAgain) return
    askedAgain = false
    stream.emit('readable')
  }

  /** What has arrived, up to the chunk in which a packet ends. Null when nothing has, or the connection was ended for it. */
  function readPacket(): Buffer | null {
    const chunks: Buffer[] = []
    const before = ended
    while (ended === before) {
      const chunk: Buffer | null = read()
      if (chunk === null) break
      const problem = problemIn(chunk)
      if (problem !== null) {
        refuse(problem)
        return null
      }
      chunks.push(chunk)
    }
    return chunks.length > 1 ? Buffer.concat(chunks) : (chunks[0] ?? null)
  }

  // aedes reads on when a packet is done with, and on 'readable'; but since Node 26 `read()` returns one chunk, and
  // 'readable' does not come again for the chunks that are left, so each read has to give it a whole packet if it can
  stream.read = (size?: number) => {
    if (size === 0) return read(0)
    if (isHeld()) return null
    if (parsing) {
      askedAgain = true
      return null
    }
    const bytes = readPacket()
    if (bytes === null) return null
    parsing = true
    queueMicrotask(parsed)
    // not set again by each further byte, or a trickle would hold the connection for ever
    if (missing > 0 || headerBytes > 0) timer ??= setTimeout(refuse, limits.time, TOO_SLOW)
    return bytes
  }
  stream.once('close', () => clearTimeout(timer))
}

function tooLarge(bytes: number, limit: number): FrameProblem {
  return {
    message: `a packet of ${bytes} bytes; at most ${limit} are allowed`,
    bound: 'packet_size',
  }
}
