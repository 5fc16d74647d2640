import type { PacketReader } from './reader.ts'

/** Ends the connection of a client that is silent for too long. */
export interface KeepAlive {
  stop(): void
}

/** The connection of the client. */
export interface KeepAliveOwner {
  readonly reader: Pick<PacketReader, 'lastHeard'>
  /** The client has sent nothing for too long. */
  onSilence(): void
}

const NO_KEEP_ALIVE: KeepAlive = { stop() {} }

/** Calls `onSilence` once a client has sent nothing for one and a half times its keep alive, in seconds [MQTT-3.1.2-22]. */
export function watchKeepAlive(keepAlive: number, owner: KeepAliveOwner): KeepAlive {
  return keepAlive === 0 ? NO_KEEP_ALIVE : new Watch(keepAlive * 1500, owner)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class Watch implements KeepAlive {
  readonly #limitMs: number
  readonly #owner: KeepAliveOwner
  #timer: NodeJS.Timeout

  constructor(limitMs: number, owner: KeepAliveOwner) {
    this.#limitMs = limitMs
    this.#owner = owner
    this.#timer = setTimeout(check, limitMs, this).unref()
  }

  check(): void {
    const left = this.#limitMs - (performance.now() - this.#owner.reader.lastHeard())
    if (left <= 0) this.#owner.onSilence()
    else this.#timer = setTimeout(check, left, this).unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

function check(watch: Watch): void {
  watch.check()
}
