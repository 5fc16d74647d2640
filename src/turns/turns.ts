import { createRanks } from './ranks.ts'

/**
 * Shares the event loop among devices. A device that has not used up its share works at once. The others take turns, a slice each,
 * and all of them together leave most of each turn of the event loop to the rest.
 */
export interface Turns {
  /**
   * Calls `work` now if the device `key` is within its share and nothing of it waits, otherwise when its turn comes. `leastMs` is
   * charged at least, where only a part of the work is done when `work` returns.
   */
  enter(key: string, work: () => void, leastMs?: number): void
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
/** The most that is charged for one piece of work: the rest was time of other programs or of the garbage collector. */
const MOST_CHARGED_MS = 4
/** The part of the time that a device may work without waiting for its turn. */
const SHARE = 0.1
/** The part of the time that all who wait share, where that is less for each of them. */
const SHARE_OF_ALL = 0.25
/** The most that a device can owe, so that it waits no longer than this divided by its share, whatever it did while it was alone. */
const MOST_DEBT_MS = 20
/** Sweeping costs the size of the map, so it waits until the map has doubled since the last time. */
const SWEEP_FROM = 1000

interface Piece {
  readonly work: () => void
  readonly leastMs: number
}

/** What one device has done, and what of it waits. */
interface Account {
  /** What it has used up, on the scale of `allowed`. */
  used: number
  /** Empty also while the last piece of it is being done. */
  readonly line: Piece[]
  /** Whether it is among those who take turns. */
  isWaiting: boolean
}

/** `onWait` is called whenever work has to wait for its turn. */
export function createTurns(
  onWait: () => void = () => {},
  now: () => number = () => performance.now(),
): Turns {
  const accounts = new Map<string, Account>()
  // those who wait, by whole milliseconds of what they have used up
  const ranks = createRanks<Account>()
  // how many devices wait
  let waiting = 0
  // what anybody may have used up by now
  let allowed = 0
  let allowedAt = now()
  let sweepAt = SWEEP_FROM
  let isPlanned = false
  let working: { readonly account: Account; readonly until: number } | null = null

  function accountOf(key: string): Account {
    const known = accounts.get(key)
    if (known) return known
    // not within work: its device would get a second account, and owe nothing on it
    if (accounts.size >= sweepAt && working === null) sweep()
    const account = { used: 0, line: [], isWaiting: false }
    accounts.set(key, account)
    return account
  }

  function sweep(): void {
    for (const [key, account] of accounts)
      if (debtOf(account) === 0 && !account.isWaiting) accounts.delete(key)
    sweepAt = Math.max(SWEEP_FROM, accounts.size * 2)
  }

  function allow(time: number): void {
    const share = Math.min(SHARE, SHARE_OF_ALL / Math.max(1, waiting))
    allowed += Math.max(0, time - allowedAt) * share
    allowedAt = time
  }

  function debtOf({ used }: Account): number {
    return Math.max(0, used - allowed)
  }

  function charge(account: Account, ms: number, time: number): void {
    allow(time)
    account.used = allowed + Math.min(MOST_DEBT_MS, debtOf(account) + ms)
  }

  /** Does the work, and returns how many milliseconds it took. */
  function run(account: Account, { work, leastMs }: Piece): number {
    const before = working
    const started = now()
    working = { account, until: started + SLICE_MS }
    let spent = leastMs
    try {
      work()
    } finally {
      working = before
      const time = now()
      spent = Math.max(leastMs, time - started)
      charge(account, Math.min(spent, MOST_CHARGED_MS), time)
    }
    return spent
  }

  function wait(account: Account, piece: Piece): void {
    onWait()
    account.line.push(piece)
    if (account.isWaiting) return
    account.isWaiting = true
    waiting += 1
    join(account)
    plan()
  }

  function join(account: Account): void {
    ranks.add(account, Math.floor(allowed + debtOf(account)))
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
      for (let one = ranks.take(); one !== undefined; one = left > 0 ? ranks.take() : undefined)
        left -= slice(one)
    } finally {
      if (waiting > 0) plan()
    }
  }

  function slice(account: Account): number {
    const { line } = account
    let spent = 0
    try {
      while (spent < SLICE_MS && line.length > 0) spent += run(account, line.shift() as Piece)
    } finally {
      if (line.length > 0) join(account)
      else {
        account.isWaiting = false
        waiting -= 1
      }
    }
    return spent
  }

  function mayGoAtOnce(account: Account): boolean {
    if (working?.account === account || account.isWaiting) return false
    allow(now())
    return debtOf(account) < (waiting === 0 ? AT_ONCE_MS : LITTLE_MS)
  }

  function enter(key: string, work: () => void, leastMs = 0): void {
    const account = accountOf(key)
    const piece = { work, leastMs }
    // part of the work that the device does now
    if (working?.account === account && leastMs === 0 && !isOver()) work()
    else if (mayGoAtOnce(account)) run(account, piece)
    else wait(account, piece)
  }

  function isOver(): boolean {
    return working !== null && now() >= working.until
  }

  return {
    enter,
    isOver,
    hasWaiting: () => waiting > 0,
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
