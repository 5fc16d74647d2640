import type { Hold, Ledger } from '../budget/ledger.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** What one connection holds for its device, by its parts. */
export interface Holds {
  readonly packet: Hold
  readonly alias: Hold
  readonly publish: Hold
  readonly delivery: Hold
  readonly queue: Hold
  /** The connection has ended. */
  release(): void
}

/** The caller must release them. */
export function openHolds(memory: Ledger, device: string): Holds {
  return new ConnectionHolds(memory, device)
}

/** A class that opens each hold when it is first asked for, because there are tens of thousands, and an idle client needs one. */
class ConnectionHolds implements Holds {
  readonly #memory: Ledger
  readonly #device: string
  #packet: Hold | null = null
  #alias: Hold | null = null
  #publish: Hold | null = null
  #delivery: Hold | null = null
  #queue: Hold | null = null
  #isOver = false

  constructor(memory: Ledger, device: string) {
    this.#memory = memory
    this.#device = device
  }

  get packet(): Hold {
    this.#packet ??= this.#open('packet')
    return this.#packet
  }

  get alias(): Hold {
    this.#alias ??= this.#open('alias')
    return this.#alias
  }

  get publish(): Hold {
    this.#publish ??= this.#open('publish')
    return this.#publish
  }

  get delivery(): Hold {
    this.#delivery ??= this.#open('delivery')
    return this.#delivery
  }

  get queue(): Hold {
    this.#queue ??= this.#open('delivery')
    return this.#queue
  }

  #open(kind: 'packet' | 'alias' | 'publish' | 'delivery'): Hold {
    const hold = this.#memory.open(this.#device, kind)
    if (this.#isOver) hold.release()
    return hold
  }

  release(): void {
    this.#isOver = true
    this.#packet?.release()
    this.#alias?.release()
    this.#publish?.release()
    this.#delivery?.release()
    this.#queue?.release()
  }
}

export function noMemory(): ProtocolError {
  return new ProtocolError(
    Reason.quotaExceeded,
    'reached the memory limit of its device or of all devices (WOTT_MEMORY_BYTES_PER_DEVICE, WOTT_MEMORY_BYTES)',
  )
}
