/** The kinds of things for which memory is held. */
export const KINDS = [
  'request',
  'body',
  'answer',
  'history',
  'stream',
  'packet',
  'alias',
  'publish',
  'delivery',
  'arrival',
  'connection',
  'session',
  'subscription',
  'will',
] as const
export type Kind = (typeof KINDS)[number]

/** Kinds that outlive a connection: at most half of the memory, so that the rest is left for connections and requests. */
const LASTING: ReadonlySet<Kind> = new Set(['session', 'subscription', 'will'])
const LASTING_PART = 1 / 2
/** The part of the total that is reserved for owners who hold little, and how much of its own limit such an owner may hold. */
const KEPT_PART = 1 / 4
const LITTLE_PART = 1 / 128

/** Bytes that may be held by all owners together, and by each of them. */
export interface LedgerLimits {
  readonly totalBytes: number
  readonly bytesPerOwner: number
}

/** The memory that one thing holds for its owner. */
export interface Hold {
  /**
   * Changes the held bytes to `bytes`. Returns false, and changes nothing, where there is no room; a decrease always succeeds.
   */
  resize(bytes: number): boolean
  /** As `resize`, but also without room: for memory that is already in use. */
  force(bytes: number): void
  /** Whether `resize(bytes)` would find room; if not, a refusal is counted. */
  fits(bytes: number): boolean
  /** Gives everything back. After that the hold stays empty and has no room. May be called again. */
  release(): void
}

/** Counts the bytes that are held for each owner, and refuses more than the limits. */
export interface Ledger {
  /** A hold of zero bytes. */
  open(owner: string, kind: Kind): Hold
  /** Bytes that `owner` may hold in addition to what it holds now. */
  room(owner: string, kind: Kind): number
  /** Counts a refusal after `room` was asked and was too small. */
  refuse(owner: string, kind: Kind): void
  /** Bytes held, and refusals so far. */
  held(kind: Kind): number
  refused(kind: Kind): number
  /** Owners that hold something. */
  owners(): number
}

/** What one owner holds. */
interface Account {
  readonly owner: string
  bytes: number
  lasting: number
  /** Whether the ledger has another account for this owner, or none. */
  isForgotten: boolean
}

/** Looking for accounts to forget takes time in proportion to their number, so it waits until that has doubled. */
const SWEEP_FROM = 1000

/** `onRefused` is called for each request of memory that is refused. */
export function createLedger(
  limits: LedgerLimits,
  onRefused: (owner: string, kind: Kind) => void = () => {},
): Ledger {
  const lastingLimits = {
    totalBytes: Math.floor(limits.totalBytes * LASTING_PART),
    bytesPerOwner: Math.floor(limits.bytesPerOwner * LASTING_PART),
  }
  // One that is empty stays for a while: a map that loses an entry with each request, and gets it back with the next, makes
  // garbage that only a full collection frees.
  const accounts = new Map<string, Account>()
  const all = { bytes: 0, lasting: 0 }
  const held = countsOfNothing()
  const refused = countsOfNothing()
  let sweepAt = SWEEP_FROM

  function accountOf(owner: string): Account {
    const known = accounts.get(owner)
    if (known) return known
    if (accounts.size >= sweepAt) sweep()
    const account = { owner, bytes: 0, lasting: 0, isForgotten: false }
    accounts.set(owner, account)
    return account
  }

  function sweep(): void {
    for (const account of accounts.values()) {
      if (account.bytes > 0) continue
      account.isForgotten = true
      accounts.delete(account.owner)
    }
    sweepAt = Math.max(SWEEP_FROM, accounts.size * 2)
  }

  function roomFor({ bytes: own, lasting }: Account, kind: Kind): number {
    const bytes = roomIn(limits, all.bytes, own)
    if (!LASTING.has(kind)) return bytes
    return Math.min(bytes, roomIn(lastingLimits, all.lasting, lasting))
  }

  function refuse(owner: string, kind: Kind): void {
    refused[kind] += 1
    onRefused(owner, kind)
  }

  function add(account: Account, kind: Kind, bytes: number): void {
    account.bytes += bytes
    all.bytes += bytes
    held[kind] += bytes
    if (!LASTING.has(kind)) return
    account.lasting += bytes
    all.lasting += bytes
  }

  const book: Book = { accountOf, roomFor, refuse, add }

  return {
    open: (owner, kind) => new OpenHold(book, accountOf(owner), kind),
    room: (owner, kind) => roomFor(accountOf(owner), kind),
    refuse,
    held: (kind) => held[kind],
    refused: (kind) => refused[kind],
    owners: () => accounts.values().reduce((count, { bytes }) => count + (bytes > 0 ? 1 : 0), 0),
  }
}

/** The part of its ledger that a hold uses. */
interface Book extends Pick<Ledger, 'refuse'> {
  accountOf(owner: string): Account
  roomFor(account: Account, kind: Kind): number
  add(account: Account, kind: Kind, bytes: number): void
}

/** A class, because each request, stream and session has several: as closures they would take seven times the memory. */
class OpenHold implements Hold {
  readonly #book: Book
  #account: Account
  readonly #kind: Kind
  #bytes = 0
  #isOver = false

  constructor(book: Book, account: Account, kind: Kind) {
    this.#book = book
    this.#account = account
    this.#kind = kind
  }

  force(bytes: number): void {
    if (this.#isOver || bytes === this.#bytes) return
    this.#book.add(this.#current(), this.#kind, bytes - this.#bytes)
    this.#bytes = bytes
  }

  fits(bytes: number): boolean {
    const more = bytes - this.#bytes
    const account = this.#current()
    if (more <= 0 || more <= this.#book.roomFor(account, this.#kind)) return true
    this.#book.refuse(account.owner, this.#kind)
    return false
  }

  resize(bytes: number): boolean {
    if (this.#isOver || !this.fits(bytes)) return false
    this.force(bytes)
    return true
  }

  release(): void {
    this.force(0)
    this.#isOver = true
  }

  /** The account of the owner: another one if it was empty for long. */
  #current(): Account {
    if (this.#account.isForgotten) this.#account = this.#book.accountOf(this.#account.owner)
    return this.#account
  }
}

/** A ledger that refuses nothing. */
export function createUnlimitedLedger(): Ledger {
  return createLedger({
    totalBytes: Number.MAX_SAFE_INTEGER,
    bytesPerOwner: Number.MAX_SAFE_INTEGER,
  })
}

/** An owner that holds little still finds room in the reserved part when others have filled the rest. */
function roomIn({ totalBytes, bytesPerOwner }: LedgerLimits, held: number, own: number): number {
  const forEverybody = Math.floor(totalBytes * (1 - KEPT_PART)) - held
  const forLittle = Math.min(totalBytes - held, Math.floor(bytesPerOwner * LITTLE_PART) - own)
  return Math.max(0, Math.min(bytesPerOwner - own, Math.max(forEverybody, forLittle)))
}

function countsOfNothing(): Record<Kind, number> {
  return Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>
}
