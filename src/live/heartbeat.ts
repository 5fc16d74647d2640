import { createChain, type Link } from '../chain.ts'
import { HEARTBEAT, heartbeatFrame } from './event.ts'

/** A stream, as far as its heartbeats go. */
export interface Beating extends Link<Beating> {
  /** When it gets the next one, by the clock of its `Heartbeats`. */
  due: number
  write(frame: Buffer): void
}

/**
 * Writes heartbeats: events with that name at an interval in seconds, or comments, which pages do not see, every 20 (null).
 * Streams get them together with those that are due soon after, so that streams of one connection share a write.
 */
export interface Heartbeats {
  start(seconds: number | null, stream: Beating): void
  stop(seconds: number | null, stream: Beating): void
}

/** The time between comments where the reader asks for nothing else. */
export const HEARTBEAT_MS = 20_000
/** The part of the interval that a heartbeat may come early. */
const EARLY = 1 / 200
/** The most streams that get one in one turn of the event loop. */
const MOST_AT_ONCE = 200

/** The streams with one interval. */
interface Beat {
  start(stream: Beating): void
  stop(stream: Beating): void
  readonly size: number
}

/** `now` is a monotonic clock in milliseconds. */
export function createHeartbeats(now: () => number = () => performance.now()): Heartbeats {
  const beats = new Map<number | null, Beat>()

  function open(seconds: number | null): Beat {
    const beat =
      seconds === null
        ? createBeat(HEARTBEAT_MS, () => HEARTBEAT, now)
        : createBeat(seconds * 1000, () => heartbeatFrame(Date.now()), now)
    beats.set(seconds, beat)
    return beat
  }

  return {
    start(seconds, stream) {
      const beat = beats.get(seconds) ?? open(seconds)
      beat.start(stream)
    },
    stop(seconds, stream) {
      const beat = beats.get(seconds)
      beat?.stop(stream)
      if (beat?.size === 0) beats.delete(seconds)
    },
  }
}

function createBeat(ms: number, frame: () => Buffer, now: () => number): Beat {
  // in the order in which they are due
  const streams = createChain<Beating>()
  let timer: NodeJS.Timeout | null = null

  function plan(): void {
    const first = streams.first()
    timer = first ? setTimeout(beat, Math.max(1, first.due - now())).unref() : null
  }

  function beat(): void {
    const time = now()
    const until = time + ms * EARLY
    const bytes = frame()
    let left = MOST_AT_ONCE
    for (let first = streams.first(); first && first.due <= until; first = streams.first()) {
      streams.remove(first)
      first.due = time + ms
      streams.add(first)
      first.write(bytes)
      left -= 1
      if (left === 0) break
    }
    plan()
  }

  return {
    start(stream) {
      stream.due = now() + ms
      streams.add(stream)
      if (timer === null) plan()
    },
    stop(stream) {
      streams.remove(stream)
      if (streams.size > 0 || timer === null) return
      clearTimeout(timer)
      timer = null
    },
    get size() {
      return streams.size
    },
  }
}
