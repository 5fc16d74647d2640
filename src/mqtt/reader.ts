import type { Duplex } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'
import type { CutReason } from '../metrics/meter.ts'
import { createFrames, type Frame } from './frames.ts'
import { noMemory } from './holds.ts'
import type { Version } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

export interface ReaderOptions {
  /** Bytes of the largest CONNECT and of the largest packet after it. */
  readonly connectBytes: number
  readonly packetBytes: number
  /** Milliseconds until the first packet has to be there, and that any packet may take to arrive. */
  readonly connectTime: number
  readonly packetTime: number
  /** Counts what has come of packets that are not whole, or that wait. */
  readonly held: Pick<Hold, 'resize'>
  onFrame(frame: Frame): void
  onError(error: unknown, bound?: CutReason): void
}

/** Reads one stream packet by packet, each when the one before is dealt with. */
export interface Reader {
  /** Reads nothing until the returned function is called, which may be done once; holds add up. */
  hold(): () => void
  /** CONNECT is accepted: larger packets may come. */
  connected(version: Version): void
  /** What still comes is discarded. */
  stop(): void
  /** When the client was last heard, on the clock of `performance.now()`; now, while it is not read from. */
  lastHeard(): number
}

export function createReader(stream: Duplex, options: ReaderOptions): Reader {
  const { connectBytes, packetBytes, connectTime, packetTime, held, onFrame, onError } = options
  const frames = createFrames({ connectBytes, packetBytes })
  let state: 'reading' | 'in a packet' | 'stopped' = 'reading'
  let holds = 0
  let lastHeard = performance.now()
  let packets = 0
  // for the packet with this number, which has begun to arrive
  let timedPacket = 0
  let timer = setTimeout(tooSlow, connectTime).unref()

  function read(): void {
    if (state !== 'reading') return
    state = 'in a packet'
    try {
      for (let frame = next(); frame; frame = next()) {
        packets += 1
        onFrame(frame)
      }
      if (!held.resize(frames.bytes())) onError(noMemory(), 'memory')
    } catch (error) {
      onError(error)
    }
    if ((state as string) === 'stopped') return
    state = 'reading'
    time()
  }

  function next(): Frame | null {
    return holds > 0 || (state as string) === 'stopped' ? null : frames.next()
  }

  /** A packet that has begun has its time to arrive; each further byte does not give it more. */
  function time(): void {
    if (packets === 0) return
    if (holds > 0 || !frames.isPartial()) {
      clearTimeout(timer)
      timedPacket = 0
    } else if (timedPacket !== packets + 1) {
      clearTimeout(timer)
      timedPacket = packets + 1
      timer = setTimeout(tooSlow, packetTime).unref()
    }
  }

  function tooSlow(): void {
    if (packets === 0)
      onError(
        new ProtocolError(Reason.keepAliveTimeout, 'sent no CONNECT in time'),
        'connect_timeout',
      )
    else
      onError(
        new ProtocolError(Reason.keepAliveTimeout, 'sent a packet that did not arrive in time'),
        'packet_timeout',
      )
  }

  stream.on('data', (chunk: Buffer) => {
    if (state === 'stopped') return
    lastHeard = performance.now()
    frames.push(chunk)
    read()
  })

  return {
    hold() {
      holds += 1
      if (holds === 1) stream.pause()
      // a packet that has begun waits for us now
      if (state === 'reading') time()
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        holds -= 1
        if (holds > 0 || state === 'stopped') return
        lastHeard = performance.now()
        read()
        if (holds === 0) stream.resume()
      }
    },
    connected: frames.connected,
    stop() {
      state = 'stopped'
      clearTimeout(timer)
      stream.resume()
    },
    lastHeard: () => (holds > 0 ? performance.now() : lastHeard),
  }
}
