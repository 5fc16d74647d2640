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
  return new ClientStall(client, stallMs)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ClientStall implements Stall {
  readonly #client: Client
  readonly #stallMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(client: Client, stallMs: number) {
    this.#client = client
    this.#stallMs = stallMs
  }

  behind(): void {
    if (this.#client.isOpen() && this.#client.wire.waiting() > 0)
      this.#timer ??= setTimeout(checkStall, this.#stallMs, this).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  check(): void {
    const left = this.#stallMs - this.#client.wire.quietMs()
    this.#timer = left > 0 ? setTimeout(checkStall, left, this).unref() : undefined
    if (left > 0) return
    this.#client.fail(
      new ProtocolError(
        Reason.quotaExceeded,
        `read nothing for ${this.#stallMs / 1000} seconds (WOTT_STREAM_STALL)`,
      ),
      'slow_reader',
    )
  }
}

function checkStall(stall: ClientStall): void {
  stall.check()
}
