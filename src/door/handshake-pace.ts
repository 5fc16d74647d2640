/** Limits how many TLS handshakes begin in a second; addresses take turns. */
export interface HandshakePace {
  /** Returns whether this address may begin a handshake now; it then counts as begun. If not, it has to wait. */
  take(address: string): boolean
  /** Calls `begin` when it is the turn of this address. Returns a function that gives up its place in the queue. */
  wait(address: string, begin: () => void): () => void
}

export interface HandshakePaceOptions {
  /** Handshakes a second, as many of them at once; 0 for no limit. */
  readonly rate: number
  /** Uses one handshake of the address' own limit. Returns 0, or the seconds until the address may have one. */
  readonly takeOf: (address: string) => number
  readonly now?: () => number
}

interface WaitingHandshake {
  readonly begin: () => void
}

export function createHandshakePace({
  rate,
  takeOf,
  now = () => performance.now(),
}: HandshakePaceOptions): HandshakePace {
  const interval = rate === 0 ? 0 : 1000 / rate
  // the generic cell rate algorithm: a second's handshakes may begin at once
  const tolerance = 1000 - interval
  let arrival = 0
  // addresses in the order of their turns
  const queues = new Map<string, Set<WaitingHandshake>>()
  let timer: NodeJS.Timeout | undefined

  function untilNext(): number {
    return interval === 0 ? 0 : Math.max(0, arrival - now() - tolerance)
  }

  function count(): void {
    arrival = Math.max(arrival, now()) + interval
  }

  /** The next connection whose address has its turn and may begin; otherwise the milliseconds until one may. */
  function next(): WaitingHandshake | number {
    let soonest = Number.POSITIVE_INFINITY
    for (const [address, queue] of queues) {
      const [first] = queue
      const seconds = takeOf(address)
      if (seconds > 0 || !first) {
        soonest = Math.min(soonest, seconds * 1000)
        continue
      }
      queue.delete(first)
      queues.delete(address)
      if (queue.size > 0) queues.set(address, queue)
      return first
    }
    return soonest
  }

  function run(): void {
    timer = undefined
    while (queues.size > 0) {
      const later = untilNext()
      const found = later > 0 ? later : next()
      if (typeof found === 'number') {
        timer = setTimeout(run, Math.max(1, found)).unref()
        return
      }
      count()
      found.begin()
    }
  }

  return {
    take(address) {
      if (queues.has(address) || untilNext() > 0 || takeOf(address) > 0) return false
      count()
      return true
    },
    wait(address, begin) {
      const waiting = { begin }
      const queue = queues.get(address) ?? new Set()
      queue.add(waiting)
      queues.set(address, queue)
      if (timer === undefined) run()
      return () => {
        queue.delete(waiting)
        if (queue.size === 0 && queues.get(address) === queue) queues.delete(address)
      }
    },
  }
}
