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

interface Account {
  bytes: number
  lasting: number
}

const NOTHING: Account = { bytes: 0, lasting: 0 }

export function createLedger(
  limits: LedgerLimits,
  onRefused: (owner: string, kind: Kind) => void = () => {},
): Ledger {
  const lastingLimits = {
    totalBytes: Math.floor(limits.totalBytes * LASTING_PART),
    bytesPerOwner: Math.floor(limits.bytesPerOwner * LASTING_PART),
  }
  const accounts = new Map<string, Account>()
  const all: Account = { bytes: 0, lasting: 0 }
  const held = countsOfNothing()
  const refused = countsOfNothing()

  function room(owner: string, kind: Kind): number {
    const own = accounts.get(owner) ?? NOTHING
    const bytes = roomIn(limits, all.bytes, own.bytes)
    if (!LASTING.has(kind)) return bytes
    return Math.min(bytes, roomIn(lastingLimits, all.lasting, own.lasting))
  }

  function refuse(owner: string, kind: Kind): void {
    refused[kind] += 1
    onRefused(owner, kind)
  }

  function add(owner: string, kind: Kind, bytes: number): void {
    const known = accounts.get(owner)
    const own = known ?? { bytes: 0, lasting: 0 }
    if (!known) accounts.set(owner, own)
    const lasting = LASTING.has(kind) ? bytes : 0
    own.bytes += bytes
    own.lasting += lasting
    all.bytes += bytes
    all.lasting += lasting
    held[kind] += bytes
    if (own.bytes === 0) accounts.delete(owner)
  }

  const book: Book = { room, refuse, add }

  return {
    open: (owner, kind) => new OpenHold(book, owner, kind),
    room,
    refuse,
    held: (kind) => held[kind],
    refused: (kind) => refused[kind],
    owners: () => accounts.size,
  }
}

/** The part of its ledger that a hold uses. */
interface Book extends Pick<Ledger, 'room' | 'refuse'> {
  add(owner: string, kind: Kind, bytes: number): void
}

/** A class, because each request, stream and session has several: as closures they would take seven times the memory. */
class OpenHold implements Hold {
  readonly #book: Book
  readonly #owner: string
  readonly #kind: Kind
  #bytes = 0
  #isOver = false

  constructor(book: Book, owner: string, kind: Kind) {
    this.#book = book
    this.#owner = owner
    this.#kind = kind
  }

  force(bytes: number): void {
    if (this.#isOver) return
    if (bytes !== this.#bytes) this.#book.add(this.#owner, this.#kind, bytes - this.#bytes)
    this.#bytes = bytes
  }

  fits(bytes: number): boolean {
    const more = bytes - this.#bytes
    if (more <= 0 || more <= this.#book.room(this.#owner, this.#kind)) return true
    this.#book.refuse(this.#owner, this.#kind)
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
