/** What one device has done, and what of it waits. */
export interface Account<Piece> {
  /** What it has used up, on the scale of what anybody may have used up. */
  used: number
  /** Empty also while the last piece of it is being done. */
  readonly line: Piece[]
  /** Whether it is among those who take turns. */
  isWaiting: boolean
}

/** Counts in milliseconds what each device has worked, and what it may work. */
export interface Accounts<Piece> {
  of(key: string): Account<Piece>
  /** Brings what anybody may have used up to the time `time`, while `waiting` devices wait. */
  allow(time: number, waiting: number): void
  /** How far the device is beyond its share; 0 if it is within. */
  debtOf(account: Account<Piece>): number
  charge(account: Account<Piece>, ms: number): void
  /** What the device has used up, in whole milliseconds: those with less go first. */
  rankOf(account: Account<Piece>): number
  /** Forgets the devices that owe nothing, if there are many. Not within work: its device would get a second account. */
  sweep(): void
}

/** The part of the time that a device may work without waiting for its turn. */
const SHARE = 0.1
/** The part of the time that all who wait share, where that is less for each of them. */
const SHARE_OF_ALL = 0.25
/** The most that a device can owe, so that it waits no longer than this divided by its share, whatever it did while it was alone. */
const MOST_DEBT_MS = 20
/** Sweeping costs the size of the map, so it waits until the map has doubled since the last time. */
const SWEEP_FROM = 1000

export function createAccounts<Piece>(from: number): Accounts<Piece> {
  const accounts = new Map<string, Account<Piece>>()
  // what anybody may have used up by now
  let allowed = 0
  let allowedAt = from
  let sweepAt = SWEEP_FROM

  function debtOf({ used }: Account<Piece>): number {
    return Math.max(0, used - allowed)
  }

  return {
    of(key) {
      const known = accounts.get(key)
      if (known) return known
      const account = { used: 0, line: [], isWaiting: false }
      accounts.set(key, account)
      return account
    },
    allow(time, waiting) {
      const share = Math.min(SHARE, SHARE_OF_ALL / Math.max(1, waiting))
      allowed += Math.max(0, time - allowedAt) * share
      allowedAt = time
    },
    debtOf,
    charge(account, ms) {
      account.used = allowed + Math.min(MOST_DEBT_MS, debtOf(account) + ms)
    },
    rankOf: (account) => Math.floor(allowed + debtOf(account)),
    sweep() {
      if (accounts.size < sweepAt) return
      for (const [key, account] of accounts)
        if (debtOf(account) === 0 && !account.isWaiting) accounts.delete(key)
      sweepAt = Math.max(SWEEP_FROM, accounts.size * 2)
    },
  }
}
