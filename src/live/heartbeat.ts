import { HEARTBEAT, heartbeatFrame } from './event.ts'

/** The time between comments where the reader asks for nothing else. */
export const HEARTBEAT_MS = 20_000

/** Writes an event named `heartbeat` at an interval in seconds; null means a comment, which pages do not see, every 20. */
export function startHeartbeat(
  seconds: number | null,
  write: (frame: Buffer) => void,
): NodeJS.Timeout {
  const beat = seconds === null ? () => write(HEARTBEAT) : () => write(heartbeatFrame(Date.now()))
  return setInterval(beat, seconds === null ? HEARTBEAT_MS : seconds * 1000).unref()
}
