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
  readonly connectTimeoutMs: number
  readonly packetTimeoutMs: number
  /** Counts what has come of packets that are not whole, or that wait. */
  readonly held: Pick<Hold, 'resize'>
  /** As `Turns` has them, for the device. */
  enter(work: () => void): void
  isOver(): boolean
  onFrame(frame: Frame): void
  onError(error: unknown, bound?: CutReason): void
  /** Called when the client has ended its side, and no packet of it waits for its turn. */
  onEnd(): void
}

/** Reads one stream packet by packet, each when the one before is dealt with and the device's turn has come. */
export interface PacketReader {
  /** Reads nothing until the returned function is called, which may be done once; holds add up. */
  hold(): () => void
  /** CONNECT is accepted: larger packets may come. */
  connected(version: Version): void
  /** What still comes is discarded. */
  stop(): void
  /** Whether the client has ended its side, and packets of it wait for their turn. */
  isFinishing(): boolean
  /** When the client was last heard, on the clock of `performance.now()`; now, while it is not read from. */
  lastHeard(): number
}

export function createPacketReader(stream: Duplex, options: ReaderOptions): PacketReader {
  const { connectBytes, packetBytes, connectTimeoutMs, packetTimeoutMs, held } = options
  const { enter, isOver, onFrame, onError, onEnd } = options
  const frames = createFrames({ connectBytes, packetBytes })
  let state: 'reading' | 'waiting' | 'in a packet' | 'stopped' = 'reading'
  let holds = 0
  let hasEnded = false
  let lastHeard = performance.now()
  let packets = 0
  // for the packet with this number, which has begun to arrive
  let timedPacket = 0
  let timer = setTimeout(tooSlow, connectTimeoutMs).unref()

  function read(): void {
    if (state !== 'reading') return
    if (holds > 0) {
      countHeld()
      return
    }
    state = 'waiting'
    enter(readSlice)
    if ((state as string) !== 'waiting') return
    time()
    countHeld()
  }

  function readSlice(): void {
    if (state !== 'waiting') return
    state = 'in a packet'
    let hasMore = false
    try {
      for (let frame = next(); frame; frame = next()) {
        packets += 1
        onFrame(frame)
        hasMore = isOver()
        if (hasMore) break
      }
    } catch (error) {
      onError(error)
    }
    countHeld()
    if ((state as string) === 'stopped') return
    state = 'reading'
    if (hasMore) read()
    time()
    goOn()
    end()
  }

  function end(): void {
    if (hasEnded && state === 'reading') onEnd()
  }

  function next(): Frame | null {
    return holds > 0 || (state as string) === 'stopped' ? null : frames.next()
  }

  function countHeld(): void {
    if ((state as string) !== 'stopped' && !held.resize(frames.bytes()))
      onError(noMemory(), 'memory')
  }

  function isHeld(): boolean {
    return holds > 0 || state === 'waiting'
  }

  function pause(): void {
    stream.pause()
    // a packet that has begun waits for us now
    if (state !== 'in a packet') time()
  }

  function goOn(): void {
    if (!isHeld() && stream.isPaused()) stream.resume()
  }

  /** A packet that has begun has its time to arrive; each further byte does not give it more. */
  function time(): void {
    if (packets === 0) return
    if (isHeld() || !frames.isPartial()) {
      clearTimeout(timer)
      timedPacket = 0
    } else if (timedPacket !== packets + 1) {
      clearTimeout(timer)
      timedPacket = packets + 1
      timer = setTimeout(tooSlow, packetTimeoutMs).unref()
    }
  }

  function tooSlow(): void {
    onError(...(packets === 0 ? lateConnect() : latePacket()))
  }

  stream.on('data', (chunk: Buffer) => {
    if (state === 'stopped') return
    lastHeard = performance.now()
    frames.push(chunk)
    if (state === 'waiting') {
      // a flood is not read while it waits for its turn; one more chunk takes less time than stopping for each
      pause()
      countHeld()
    } else read()
  })

  stream.on('end', () => {
    hasEnded = true
    end()
  })

  return {
    hold() {
      holds += 1
      pause()
      let isLetGo = false
      return () => {
        if (isLetGo) return
        isLetGo = true
        holds -= 1
        if (holds > 0 || state === 'stopped') return
        lastHeard = performance.now()
        read()
        goOn()
      }
    },
    isFinishing: () => hasEnded && (state === 'waiting' || state === 'in a packet'),
    connected: (version) => frames.connected(version),
    stop() {
      state = 'stopped'
      clearTimeout(timer)
      stream.resume()
    },
    lastHeard: () => (isHeld() ? performance.now() : lastHeard),
  }
}

function lateConnect(): [ProtocolError, CutReason] {
  const sentence = 'did not send CONNECT in time (WOTT_CONNECT_TIMEOUT)'
  return [new ProtocolError(Reason.keepAliveTimeout, sentence), 'connect_timeout']
}

function latePacket(): [ProtocolError, CutReason] {
  const sentence = 'sent a packet that did not arrive in time (WOTT_PACKET_TIMEOUT)'
  return [new ProtocolError(Reason.keepAliveTimeout, sentence), 'packet_timeout']
}
