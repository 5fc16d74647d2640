import type { Client } from './client.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** Ends the connection of a client that takes nothing for too long while something waits for it. */
export interface Stall {
  /** Something waits until the client takes what was written. */
  behind(): void
  /** The client has taken something, or its connection ends. */
  stop(): void
}

export function createStall(client: Client, stallMs: number): Stall {
  let timer: NodeJS.Timeout | undefined

  function check(): void {
    const left = stallMs - client.wire.quietMs()
    timer = left > 0 ? setTimeout(check, left).unref() : undefined
    if (left > 0) return
    client.fail(
      new ProtocolError(
        Reason.quotaExceeded,
        `read nothing for ${stallMs / 1000} seconds (WOTT_STREAM_STALL)`,
      ),
      'slow_reader',
    )
  }

  return {
    behind() {
      if (client.isOpen() && client.wire.waiting() > 0) timer ??= setTimeout(check, stallMs).unref()
    },
    stop() {
      clearTimeout(timer)
      timer = undefined
    },
  }
}
