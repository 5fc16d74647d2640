import type { Writable } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'

/** Where a stream is written. */
export interface Sink {
  /** The response, or what carries nothing else than its bytes. */
  readonly to: Pick<Writable, 'write' | 'destroy' | 'writableLength' | 'on' | 'once' | 'off'>
  /** Ends the response once everything is written. */
  end(): void
}

export interface OutletOptions {
  /** Bytes that may wait for the reader. */
  readonly buffer: number
  /** Milliseconds that the reader may take nothing while something waits. */
  readonly stall: number
  /** Counts what waits. */
  readonly hold: Pick<Hold, 'resize'>
  /** Called when the reader does not keep up. */
  onSlow(): void
}

/** Writes to one reader, and notices when it does not keep up. */
export interface Outlet {
  write(bytes: Buffer): void
  /** Says how many bytes wait for the reader elsewhere. */
  waiting(bytes: number): void
  /** Resolves once there is room again, or the stream is closed: what waits already is then no reason to cut the reader off. */
  drained(): Promise<void>
  /** Gives back what is held. Nothing is written after this. */
  close(): void
}

/** Bounds what waits in `to` for its reader. */
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
      // only what waits already counts: one event may be larger than the bound
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
