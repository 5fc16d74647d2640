import { createChain, type Link } from '../chain.ts'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'

/**
 * A request on its way in, or its answer on its way out. A class, because V8 makes object literals that often survive in the
 * old heap, where they keep answered requests alive until the next full garbage collection.
 */
export class Exchange implements Link<Exchange> {
  readonly request: HttpRequest
  readonly response: HttpResponse
  readonly began = performance.now()
  arrived = 0
  /** Whether all announced bytes of the body have been taken; over HTTP/2 the end of the stream may still come. */
  isBodyTaken = false
  onLate: (() => void) | null = null
  /** When the refusal for lateness was sent. */
  lateSince: number | null = null
  /** When its answer was first complete but not read, and how much of it was left then. */
  leaving: { readonly since: number; readonly bytes: number } | null = null
  isSetAside = false
  before: Exchange | null = null
  after: Exchange | null = null

  constructor(request: HttpRequest, response: HttpResponse) {
    this.request = request
    this.response = response
  }
}

/** The exchanges that have deadlines. */
export interface OpenExchanges {
  add(exchange: Exchange): void
  remove(exchange: Exchange): void
  /** For an answer without an end, such as an event stream: `sweep` looks at it seldom, as there may be tens of thousands. */
  setAside(exchange: Exchange): void
  /**
   * Calls `look` with each exchange, of those set aside only with the ones whose turn it is. `look` may remove its exchange, and has
   * to set it aside again.
   */
  sweep(look: (exchange: Exchange) => void): void
  each(act: (exchange: Exchange) => void): void
}

/** The turn of each that is set aside comes in so many sweeps. */
const SWEEPS = 10
/** So few are looked at in each sweep. */
const FEW = 100

export function createOpenExchanges(): OpenExchanges {
  const near = createChain<Exchange>()
  const aside = createChain<Exchange>()

  function remove(exchange: Exchange): void {
    if (exchange.isSetAside) aside.remove(exchange)
    else near.remove(exchange)
  }

  function place(exchange: Exchange, isSetAside: boolean): void {
    remove(exchange)
    exchange.isSetAside = isSetAside
    if (isSetAside) aside.add(exchange)
    else near.add(exchange)
  }

  return {
    add: (exchange) => near.add(exchange),
    remove,
    setAside: (exchange) => place(exchange, true),
    sweep(look) {
      let left = Math.min(aside.size, Math.max(FEW, aside.size / SWEEPS))
      for (let first = aside.first(); first && left > 0; first = aside.first()) {
        place(first, false)
        left -= 1
      }
      near.each(look)
    },
    each(act) {
      near.each(act)
      aside.each(act)
    },
  }
}
