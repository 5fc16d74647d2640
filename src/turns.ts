/**
 * Shares the event loop among devices. Who has not used up its share works at once; the others take turns, a slice each, and
 * all of them together leave most of each turn of the event loop to whoever comes next.
 */
export interface Turns {
  /**
   * Calls `work` now where `key` is within its share and nothing of it waits, otherwise when its turn comes. Work that goes on
   * after `work` has returned is announced as `least`, in milliseconds.
   */
  enter(key: string, work: () => void, least?: number): void
  /** Whether the slice of the work that is being done is over: the rest of it has to enter again. */
  isOver(): boolean
  /** Calls `act` with each item, in slices. Rejects with what it throws. */
  each<T>(key: string, items: readonly T[], act: (item: T) => void): Promise<void>
}

/** Milliseconds that one device works without a break. */
const SLICE_MS = 2
/** Milliseconds that a device may have worked lately, and still works at once. */
const AT_ONCE_MS = 10
/** Milliseconds of one turn of the event loop for all work that waits. */
const TURN_MS = 4
/** Of one piece of work: longer is no work, but the system's other programs or the garbage collector. */
const MOST_CHARGED_MS = 2 * SLICE_MS
/** The part of the time that a device may work without waiting for its turn. */
const SHARE = 0.1
/** What a device did while nobody else wanted anything is held against it no longer than this divided by its share. */
const MOST_DEBT_MS = 20
/** Sweeping costs the size of the map, so it waits until the map has doubled since the last time. */
const SWEEP_FROM = 1000

interface Piece {
  readonly work: () => void
  readonly least: number
}

interface Debt {
  ms: number
  at: number
}

/** `onWait` is called whenever work has to wait for its turn. */
export function createTurns(
  onWait: () => void = () => {},
  now: () => number = () => performance.now(),
): Turns {
  // in the order of their turns
  const lines = new Map<string, Piece[]>()
  const debts = new Map<string, Debt>()
  let sweepAt = SWEEP_FROM
  let isPlanned = false
  let working: { readonly key: string; readonly until: number } | null = null

  function debtOf(key: string, time: number): number {
    const debt = debts.get(key)
    return debt ? Math.max(0, debt.ms - (time - debt.at) * SHARE) : 0
  }

  function charge(key: string, ms: number, time: number): void {
    debts.set(key, { ms: Math.min(MOST_DEBT_MS, debtOf(key, time) + ms), at: time })
    if (debts.size < sweepAt) return
    for (const each of debts.keys()) if (debtOf(each, time) === 0) debts.delete(each)
    sweepAt = Math.max(SWEEP_FROM, debts.size * 2)
  }

  /** Returns the milliseconds that it took. */
  function begin(key: string, { work, least }: Piece): number {
    const before = working
    const started = now()
    working = { key, until: started + SLICE_MS }
    let spent = least
    try {
      work()
    } finally {
      working = before
      const time = now()
      spent = Math.max(least, time - started)
      charge(key, Math.min(spent, MOST_CHARGED_MS), time)
    }
    return spent
  }

  function wait(key: string, piece: Piece): void {
    const line = lines.get(key)
    onWait()
    if (line) line.push(piece)
    else lines.set(key, [piece])
    plan()
  }

  function plan(): void {
    if (isPlanned) return
    isPlanned = true
    setImmediate(turn)
  }

  function turn(): void {
    isPlanned = false
    let left = TURN_MS
    try {
      for (const [key, line] of lines) {
        if (left <= 0) break
        lines.delete(key)
        // its next piece, if it has one by then, is the last of all
        left -= slice(key, line)
      }
    } finally {
      if (lines.size > 0) plan()
    }
  }

  function slice(key: string, line: Piece[]): number {
    let spent = 0
    try {
      while (spent < SLICE_MS && line.length > 0) spent += begin(key, line.shift() as Piece)
    } finally {
      const added = lines.get(key)
      if (line.length > 0) {
        lines.delete(key)
        lines.set(key, added ? [...line, ...added] : line)
      }
    }
    return spent
  }

  function enter(key: string, work: () => void, least = 0): void {
    const piece = { work, least }
    // part of what it does just now
    if (working?.key === key && least === 0 && !isOver()) work()
    else if (working?.key === key || lines.has(key) || debtOf(key, now()) >= AT_ONCE_MS)
      wait(key, piece)
    else begin(key, piece)
  }

  function isOver(): boolean {
    return working !== null && now() >= working.until
  }

  return {
    enter,
    isOver,
    each(key, items, act) {
      let index = 0
      return new Promise((resolve, reject) => {
        function go(): void {
          try {
            while (index < items.length && !(index % 8 === 0 && index > 0 && isOver()))
              act(items[index++] as (typeof items)[number])
          } catch (error) {
            reject(error)
            return
          }
          if (index < items.length) enter(key, go)
          else resolve()
        }
        enter(key, go)
      })
    },
  }
}
