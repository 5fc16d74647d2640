import type { Writable } from 'node:stream'
import type { Hold } from '../budget/ledger.ts'

/** Where a stream is written. */
export interface Sink {
  /** The response, or a socket or stream that carries only its bytes. */
  readonly to: Pick<Writable, 'write' | 'destroy' | 'writableLength' | 'on' | 'once' | 'off'>
  /** Its end ends the stream once everything is written. */
  readonly response: { end(): void }
}

export interface OutletLimits {
  /** Bytes that may wait for one reader. */
  readonly bufferBytes: number
  /** Milliseconds that a reader may read nothing while bytes wait. */
  readonly stallMs: number
}

/** The stream that an outlet writes for. */
export interface OutletOwner {
  /** Called when the reader is too slow. */
  cutOff(): void
}

/** Writes to one reader, and detects when it is too slow. A class, because closures would take several times the memory. */
export class Outlet {
  readonly #to: Sink['to']
  readonly #limits: OutletLimits
  /** The hold for the waiting bytes. */
  readonly #hold: Pick<Hold, 'resize'>
  readonly #owner: OutletOwner
  /** Bytes that wait for the reader elsewhere. */
  #outside = 0
  /** Runs while the sink is full. */
  #stalled: NodeJS.Timeout | null = null

  constructor(
    to: Sink['to'],
    limits: OutletLimits,
    hold: Pick<Hold, 'resize'>,
    owner: OutletOwner,
  ) {
    this.#to = to
    this.#limits = limits
    this.#hold = hold
    this.#owner = owner
  }

  write(bytes: Buffer): void {
    // only bytes that waited before count: one event may be larger than the limit
    if (this.#stalled !== null && this.#to.writableLength > this.#limits.bufferBytes)
      this.#owner.cutOff()
    else if (!this.#to.write(bytes)) this.#full()
  }

  #full(): void {
    if (this.#stalled === null) {
      this.#stalled = setTimeout(tooSlow, this.#limits.stallMs, this.#owner).unref()
      this.#to.once('drain', () => this.#taken())
    }
    if (!this.#hasRoom()) this.#owner.cutOff()
  }

  #taken(): void {
    // closed in the meantime
    if (this.#stalled === null) return
    this.#stopWaiting()
    this.#hasRoom()
  }

  #hasRoom(): boolean {
    return this.#hold.resize(this.#outside + this.#to.writableLength)
  }

  #stopWaiting(): void {
    if (this.#stalled) clearTimeout(this.#stalled)
    this.#stalled = null
  }

  /** Sets how many bytes wait for the reader elsewhere. */
  waiting(bytes: number): void {
    this.#outside = bytes
    if (bytes > this.#limits.bufferBytes || !this.#hasRoom()) this.#owner.cutOff()
  }

  /**
   * Resolves once there is room again, or the stream is closed. Until then waiting bytes are no reason to cut the reader off.
   */
  async drained(): Promise<void> {
    if (!this.#stalled) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#to.once('drain', resolve)
    this.#to.once('close', resolve)
    await promise
    this.#to.off('drain', resolve)
    this.#to.off('close', resolve)
  }

  /** Releases the hold. Nothing is written after this. */
  close(): void {
    this.#stopWaiting()
    this.#hold.resize(0)
  }
}

function tooSlow(owner: OutletOwner): void {
  owner.cutOff()
}
