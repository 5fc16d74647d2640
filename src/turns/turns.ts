// faster than the global, which is a getter
import { performance } from 'node:perf_hooks'
import { type Account, createAccounts } from './accounts.ts'
import { onceNextTurn } from './next-turn.ts'
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
  /**
   * Calls `act` with each item, in slices, until it returns false. Rejects with what it throws. `began` is when the slice began,
   * in milliseconds since the Unix epoch.
   */
  each<T>(key: string, items: Iterable<T>, act: (item: T, began: number) => unknown): Promise<void>
}

/** Milliseconds that one device works without a break. */
const SLICE_MS = 1
/** Milliseconds of one turn of the event loop for all work that waits. */
const TURN_MS = 2
/** Milliseconds that a device may have worked lately, and still works at once, however often, while nobody waits. */
const AT_ONCE_MS = 10
/** The same while somebody waits: a device that does so little never does. */
const LITTLE_MS = 2
/** The most that is charged for one piece of work: the rest was time of other programs or of the garbage collector. */
const MOST_CHARGED_MS = 4

interface Piece {
  readonly work: () => void
  readonly leastMs: number
}

type PieceAccount = Account<Piece>

/** `onWait` is called whenever work has to wait for its turn. `loopCount` gives the number of the event loop's turn. */
export function createTurns(
  onWait: () => void = () => {},
  now: () => number = () => performance.now(),
  loopCount: () => number = () => performance.nodeTiming.uvMetricsInfo.loopCount,
): Turns {
  const accounts = createAccounts<Piece>(now())
  // those who wait, by whole milliseconds of what they have used up
  const ranks = createRanks<PieceAccount>()
  // how many devices wait
  let waiting = 0
  const plan = onceNextTurn(turn)
  // the turn of the event loop in which a device beyond its share last worked at once
  let lastBeyond = loopCount()
  let working: PieceAccount | null = null
  /** When the slice of what is being done is over. */
  let until = 0

  /** Does the work, which begins at `started`, charges it, and returns when it is done. */
  function run(account: PieceAccount, work: () => void, leastMs: number, started: number): number {
    const outer = working
    const outerUntil = until
    working = account
    until = started + SLICE_MS
    let time = started
    try {
      work()
    } finally {
      working = outer
      until = outerUntil
      time = now()
      const spent = Math.max(leastMs, time - started)
      accounts.allow(time, waiting)
      accounts.charge(account, Math.min(spent, MOST_CHARGED_MS))
    }
    return time
  }

  function wait(account: PieceAccount, piece: Piece): void {
    onWait()
    account.line.push(piece)
    if (account.isWaiting) return
    account.isWaiting = true
    waiting += 1
    join(account)
    plan()
  }

  function join(account: PieceAccount): void {
    ranks.add(account, accounts.rankOf(account))
  }

  function turn(): void {
    let left = TURN_MS
    try {
      for (let one = ranks.take(); one !== undefined; one = left > 0 ? ranks.take() : undefined)
        left -= slice(one)
    } finally {
      if (waiting > 0) plan()
    }
  }

  function slice(account: PieceAccount): number {
    const { line } = account
    let spent = 0
    let started = now()
    try {
      while (spent < SLICE_MS && line.length > 0) {
        const { work, leastMs } = line.shift() as Piece
        const time = run(account, work, leastMs, started)
        spent += Math.max(leastMs, time - started)
        started = time
      }
    } finally {
      if (line.length > 0) join(account)
      else {
        account.isWaiting = false
        waiting -= 1
      }
    }
    return spent
  }

  function mayGoAtOnce(account: PieceAccount, time: number): boolean {
    if (working === account || account.isWaiting) return false
    accounts.allow(time, waiting)
    const debt = accounts.debtOf(account)
    if (waiting > 0) return debt < LITTLE_MS
    return debt < AT_ONCE_MS || isFirstOfTurn()
  }

  /**
   * True once in each turn of the event loop. One piece of work delays the rest little, and a device that sends one request after
   * another would otherwise need a second turn for each.
   */
  function isFirstOfTurn(): boolean {
    const turnNow = loopCount()
    const isFirst = turnNow !== lastBeyond
    lastBeyond = turnNow
    return isFirst
  }

  function enter(key: string, work: () => void, leastMs = 0): void {
    if (working === null) accounts.sweep()
    const account = accounts.of(key)
    const time = now()
    // part of the work that the device does now
    if (working === account && leastMs === 0 && time < until) work()
    else if (mayGoAtOnce(account, time)) run(account, work, leastMs, time)
    else wait(account, { work, leastMs })
  }

  function isOver(): boolean {
    return working !== null && now() >= until
  }

  return {
    enter,
    isOver,
    hasWaiting: () => waiting > 0,
    each(key, items, act) {
      const iterator = items[Symbol.iterator]()
      return new Promise((resolve, reject) => {
        function go(): void {
          const began = Date.now()
          try {
            for (let count = 1; count % 8 !== 0 || !isOver(); count++) {
              const next = iterator.next()
              if (next.done || act(next.value, began) === false) {
                resolve()
                return
              }
            }
          } catch (error) {
            reject(error)
            return
          }
          enter(key, go)
        }
        enter(key, go)
      })
    },
  }
}
