import type { Writable } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'

/** Where a stream is written. */
export interface Sink {
  /** The response, or a socket or stream that carries only its bytes. */
  readonly to: Pick<Writable, 'write' | 'destroy' | 'writableLength' | 'on' | 'once' | 'off'>
  /** Ends the response once everything is written. */
  end(): void
}

export interface OutletOptions {
  /** Bytes that may wait for the reader. */
  readonly buffer: number
  /** Milliseconds that the reader may read nothing while bytes wait. */
  readonly stall: number
  /** The hold for the waiting bytes. */
  readonly hold: Pick<Hold, 'resize'>
  /** Called when the reader is too slow. */
  onSlow(): void
}

/** Writes to one reader, and detects when it is too slow. */
export interface Outlet {
  write(bytes: Buffer): void
  /** Sets how many bytes wait for the reader elsewhere. */
  waiting(bytes: number): void
  /**
   * Resolves once there is room again, or the stream is closed. Until then waiting bytes are no reason to cut the reader off.
   */
  drained(): Promise<void>
  /** Releases the hold. Nothing is written after this. */
  close(): void
}

/** Limits how many bytes wait in `to` for its reader. */
export function createOutlet(
  to: Sink['to'],
  { buffer, stall, hold, onSlow }: OutletOptions,
): Outlet {
  let outside = 0
  // runs while `to` is full
  let stalled: NodeJS.Timeout | null = null

  function hasRoom(): boolean {
    return hold.resize(outside + to.writableLength)
  }

  function stopWaiting(): void {
    if (stalled) clearTimeout(stalled)
    stalled = null
  }

  to.on('drain', () => {
    stopWaiting()
    hasRoom()
  })

  return {
    write(bytes) {
      // only bytes that waited before count: one event may be larger than the limit
      if (stalled && to.writableLength > buffer) onSlow()
      else if (!to.write(bytes)) {
        stalled ??= setTimeout(onSlow, stall).unref()
        if (!hasRoom()) onSlow()
      }
    },
    waiting(bytes) {
      outside = bytes
      if (outside > buffer || !hasRoom()) onSlow()
    },
    async drained() {
      if (!stalled) return
      const { promise, resolve } = Promise.withResolvers<void>()
      to.once('drain', resolve)
      to.once('close', resolve)
      await promise
      to.off('drain', resolve)
      to.off('close', resolve)
    },
    close() {
      stopWaiting()
      hold.resize(0)
    },
  }
}
