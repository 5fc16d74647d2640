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
  /** Whether work waits for its turn. */
  hasWaiting(): boolean
  /** Calls `act` with each item, in slices, until it returns false. Rejects with what it throws. */
  each<T>(key: string, items: readonly T[], act: (item: T) => unknown): Promise<void>
}

/** Milliseconds that one device works without a break. */
const SLICE_MS = 1
/** Milliseconds of one turn of the event loop for all work that waits. */
const TURN_MS = 2
/** Milliseconds that a device may have worked lately, and still works at once while nobody waits. */
const AT_ONCE_MS = 10
/** The same while somebody waits: a device that does so little never does. */
const LITTLE_MS = 2
/** Of one piece of work: longer is no work, but the system's other programs or the garbage collector. */
const MOST_CHARGED_MS = 4
/** The part of the time that a device may work without waiting for its turn. */
const SHARE = 0.1
/** The part of the time that those who wait divide among them, where that is less for each. */
const SHARE_OF_ALL = 0.25
/** What a device did while nobody else wanted anything is held against it no longer than this divided by its share. */
const MOST_DEBT_MS = 20
/** Sweeping costs the size of the map, so it waits until the map has doubled since the last time. */
const SWEEP_FROM = 1000

interface Piece {
  readonly work: () => void
  readonly least: number
}

/** `onWait` is called whenever work has to wait for its turn. */
export function createTurns(
  onWait: () => void = () => {},
  now: () => number = () => performance.now(),
): Turns {
  const lines = new Map<string, Piece[]>()
  // those who wait, by whole milliseconds of what they have used up, each in the order in which they came
  const ranks = new Map<number, Set<string>>()
  // what each has used up, on the scale of `allowed`
  const used = new Map<string, number>()
  // what anybody may have used up by now
  let allowed = 0
  let allowedAt = now()
  let sweepAt = SWEEP_FROM
  let isPlanned = false
  let working: { readonly key: string; readonly until: number } | null = null

  function allow(time: number): void {
    const share = Math.min(SHARE, SHARE_OF_ALL / Math.max(1, lines.size))
    allowed += Math.max(0, time - allowedAt) * share
    allowedAt = time
  }

  function debtOf(key: string): number {
    return Math.max(0, (used.get(key) ?? 0) - allowed)
  }

  function charge(key: string, ms: number, time: number): void {
    allow(time)
    used.set(key, allowed + Math.min(MOST_DEBT_MS, debtOf(key) + ms))
    if (used.size < sweepAt) return
    for (const each of used.keys()) if (debtOf(each) === 0) used.delete(each)
    sweepAt = Math.max(SWEEP_FROM, used.size * 2)
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
    onWait()
    const line = lines.get(key)
    if (line) {
      line.push(piece)
      return
    }
    lines.set(key, [piece])
    join(key)
    plan()
  }

  function join(key: string): void {
    const rank = Math.floor(allowed + debtOf(key))
    const same = ranks.get(rank)
    if (same) same.add(key)
    else ranks.set(rank, new Set([key]))
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
      for (let key = next(); key !== undefined; key = left > 0 ? next() : undefined)
        left -= slice(key)
    } finally {
      if (lines.size > 0) plan()
    }
  }

  /** Whoever has used up least. */
  function next(): string | undefined {
    const rank = Math.min(...ranks.keys())
    const same = ranks.get(rank)
    const [key] = same ?? []
    if (!same || key === undefined) return undefined
    same.delete(key)
    if (same.size === 0) ranks.delete(rank)
    return key
  }

  function slice(key: string): number {
    const line = lines.get(key) as Piece[]
    let spent = 0
    try {
      while (spent < SLICE_MS && line.length > 0) spent += begin(key, line.shift() as Piece)
    } finally {
      if (line.length > 0) join(key)
      else lines.delete(key)
    }
    return spent
  }

  function mayGoAtOnce(key: string): boolean {
    if (working?.key === key || lines.has(key)) return false
    allow(now())
    return debtOf(key) < (lines.size === 0 ? AT_ONCE_MS : LITTLE_MS)
  }

  function enter(key: string, work: () => void, least = 0): void {
    const piece = { work, least }
    // part of what it does just now
    if (working?.key === key && least === 0 && !isOver()) work()
    else if (mayGoAtOnce(key)) begin(key, piece)
    else wait(key, piece)
  }

  function isOver(): boolean {
    return working !== null && now() >= working.until
  }

  return {
    enter,
    isOver,
    hasWaiting: () => lines.size > 0,
    each(key, items, act) {
      let index = 0
      return new Promise((resolve, reject) => {
        function go(): void {
          try {
            while (index < items.length && !(index % 8 === 0 && index > 0 && isOver()))
              if (act(items[index++] as (typeof items)[number]) === false) index = items.length
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
