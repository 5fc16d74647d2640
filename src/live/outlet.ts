import type { Writable } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'

/** Where a stream is written: an HTTP response of either version. */
export type Sink = Pick<
  Writable,
  'write' | 'end' | 'destroy' | 'writableLength' | 'on' | 'once' | 'off'
>

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
  /** Says how many bytes wait for the reader outside the sink. */
  waiting(bytes: number): void
  /** Resolves once the sink is not full, or closed: what waits already is then no reason to cut the reader off. */
  drained(): Promise<void>
  /** Gives back what is held. Nothing is written after this. */
  close(): void
}

/** Bounds what waits for the reader of `sink`. */
export function createOutlet(sink: Sink, { buffer, stall, hold, onSlow }: OutletOptions): Outlet {
  let outside = 0
  // runs while the sink is full
  let stalled: NodeJS.Timeout | null = null

  function hasRoom(): boolean {
    return hold.resize(outside + sink.writableLength)
  }

  function stopWaiting(): void {
    if (stalled) clearTimeout(stalled)
    stalled = null
  }

  sink.on('drain', () => {
    stopWaiting()
    hasRoom()
  })

  return {
    write(bytes) {
      // only what waits already counts: one event may be larger than the bound
      if (stalled && sink.writableLength > buffer) onSlow()
      else if (!sink.write(bytes)) {
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
      sink.once('drain', resolve)
      sink.once('close', resolve)
      await promise
      sink.off('drain', resolve)
      sink.off('close', resolve)
    },
    close() {
      stopWaiting()
      hold.resize(0)
    },
  }
}
