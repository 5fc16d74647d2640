import { HEARTBEAT, heartbeatFrame } from './event.ts'

/** The time between comments where the reader asks for nothing else. */
export const HEARTBEAT_MS = 20_000

/** A stream, as far as its heartbeats go. */
interface Beating {
  write(frame: Buffer): void
}

/** Writes an event named `heartbeat` at an interval in seconds; null means a comment, which pages do not see, every 20. */
export function startHeartbeat(seconds: number | null, stream: Beating): NodeJS.Timeout {
  return seconds === null
    ? setInterval(comment, HEARTBEAT_MS, stream).unref()
    : setInterval(beat, seconds * 1000, stream).unref()
}

// functions of all streams: a closure for each would take more memory
function comment(stream: Beating): void {
  stream.write(HEARTBEAT)
}

function beat(stream: Beating): void {
  stream.write(heartbeatFrame(Date.now()))
}
