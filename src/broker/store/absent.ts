import type { Cohort, Members } from '../cohorts.ts'
import type { BundleList } from './bundle-list.ts'
import { type Bundles, type CopyTerms, toCopy, waitsFor } from './bundles.ts'
import type { Audience, Bundle, QueuedSession, QueueEntry } from './queue-types.ts'
import type { Sessions } from './sessions.ts'
import type { SharedMessage } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

export type Absent = ReturnType<typeof createAbsent>

/** Bundles, and bytes, that are counted in the queues together; until then a queue may exceed its limits by this much. */
const COUNTED_AT_ONCE = 64
const BYTES_AT_ONCE = 1024 * 1024
/** The same as a part of each limit, for small limits. */
const PART = 16

/** Messages that wait for many sessions that are away, stored once for all of them. `makeRoom` drops messages a queue has no room for. */
export function createAbsent(
  { journal, limits, onBound }: StoreContext,
  sessions: Sessions,
  bundles: Bundles,
  makeRoom: (session: QueuedSession) => void,
) {
  const most = Math.min(COUNTED_AT_ONCE, limits.queueMessages / PART)
  const mostBytes = Math.min(
    BYTES_AT_ONCE,
    limits.queueBytes / PART,
    limits.totalBytesPerDevice / PART,
  )
  let uncounted = 0
  let uncountedBytes = 0

  function hasShare({ owner }: QueuedSession): boolean {
    return owner.bytes < limits.totalBytesPerDevice
  }

  /** The members of a cohort that share a bundle, and those that need an entry of their own. */
  function membersOf(cohort: Cohort): NonNullable<Members['bundled']> {
    const members = cohort.now(sessions.version())
    members.bundled ??= toBundled(members)
    return members.bundled
  }

  function toBundled({ connected, away }: Members): NonNullable<Members['bundled']> {
    const those = away.filter(({ session }) => hasShare(session))
    const apart = away.filter(({ session }) => !hasShare(session))
    return {
      audience: those.length === 0 ? null : bundles.audienceOf(those.map((one) => one.session)),
      apart: [...connected, ...apart],
    }
  }

  function put(shared: SharedMessage, audience: Audience, terms: CopyTerms): Bundle {
    const bundle = bundles.create(shared, audience, terms)
    uncounted += 1
    uncountedBytes += terms.bytes
    return bundle
  }

  /** Counts new copies in the queues of their sessions, and drops those that have no room. */
  function count(): void {
    if (uncounted === 0) return
    uncounted = 0
    uncountedBytes = 0
    let isOver = false
    for (const audience of [...bundles.inUse()]) {
      const those = audience.uncounted
      if (those.length === 0) continue
      audience.uncounted = []
      let bytes = 0
      for (const bundle of those) {
        bundle.isCounted = true
        bytes += bundle.bytes
      }
      const dropped = audience.bundles.values().map((bundle) => ({ bundle, copies: 0 }))
      for (const session of audience.sessions) {
        if (session === undefined || session.isClosed) continue
        countIn(session, those, bytes)
        dropMany(session, audience.bundles, dropped)
        makeRoom(session)
        isOver ||= !hasShare(session)
      }
      for (const { bundle, copies } of dropped) if (copies > 0) bundles.drop(bundle, copies)
    }
    if (isOver) sessions.changed()
  }

  function countIn(session: QueuedSession, those: readonly Bundle[], bytes: number): void {
    const { queue } = session
    const [first] = those
    if (first && waitsFor(session, first)) queue.count(those.length, bytes)
    else for (const bundle of those) if (waitsFor(session, bundle)) queue.count(1, bundle.bytes)
  }

  /**
   * As `makeRoom`, for a queue that holds only copies of these bundles; notes what it dropped in `dropped`. Dropping copies one by
   * one would be most of the work when thousands of full queues get a message.
   */
  function dropMany(
    { away, queue }: QueuedSession,
    list: BundleList<Bundle>,
    dropped: { readonly bundle: Bundle; copies: number }[],
  ): void {
    const over = queue.length() - limits.queueMessages
    if (over <= 0 || queue.unsent() > 0 || away.audiences.size > 1) return
    const from = list.after(away.mark)
    const those = dropped.slice(from, from + over)
    let bytes = 0
    for (const one of those) {
      one.copies += 1
      bytes += one.bundle.bytes
    }
    away.mark = those.at(-1)?.bundle.id ?? away.mark
    away.floor = away.mark + 1
    queue.count(-those.length, -bytes)
    onBound('queue_messages', those.length)
  }

  /** The oldest bundle that waits for a session. */
  function oldest({ away }: QueuedSession): Bundle | undefined {
    let found: Bundle | undefined
    for (const { bundles: list } of away.audiences) {
      const bundle = list.at(list.after(away.mark))
      if (bundle && (!found || bundle.id < found.id)) found = bundle
    }
    return found
  }

  /** Returns the waiting bundles in the order of their ids, and marks all of them as taken. */
  function takeAll(session: QueuedSession): Bundle[] {
    const { away, queue } = session
    const lists = [...away.audiences].map(({ bundles: list }) => {
      const from = list.after(away.mark)
      return Array.from({ length: list.size - from }, (_, n) => list.at(from + n) as Bundle)
    })
    const all = lists.flat().sort((a, b) => a.id - b.id)
    for (const { isCounted, bytes } of all) if (isCounted) queue.count(-1, -bytes)
    away.mark = all.at(-1)?.id ?? away.mark
    return all
  }

  /** Turns the copies that wait for a session into entries of its queue. */
  function unpack(session: QueuedSession): void {
    if (session.away.audiences.size === 0) return
    const stored: QueueEntry[] = []
    for (const bundle of takeAll(session)) {
      const entry = toCopy(bundle, session)
      if (bundle.isStored) stored.push(entry)
      else {
        session.queue.reserve(entry)
        bundle.early.set(session, entry)
      }
    }
    if (stored.length === 0) return
    session.queue.admitInOrder(stored)
    makeRoom(session)
  }

  /** A bundle could not be stored. */
  function undo(bundle: Bundle): void {
    const { audience, early, isCounted, bytes } = bundle
    if (!isCounted) audience.uncounted = audience.uncounted.filter((one) => one !== bundle)
    const those = audience.sessions.filter((one) => one && waitsFor(one, bundle))
    if (isCounted) for (const session of those) session?.queue.count(-1, -bytes)
    let copies = those.length
    for (const [{ queue }, entry] of early) {
      if (entry.message) copies += 1
      queue.remove(entry)
    }
    bundles.drop(bundle, copies)
  }

  /** Stores up to which bundle a session has its copies, while other sessions still wait for theirs. */
  function storeFloor({ id, away, queue }: QueuedSession): void {
    let { floor } = away
    if (floor === 0) return
    // an unsent copy has no row of its own, and would be lost below the floor
    for (const { bundle, packetId } of queue.all())
      if (bundle && packetId === 0) floor = Math.min(floor, bundle.id)
    journal.later(`floor ${id}`, ['floor', floor, id])
  }

  /** Stored when the session comes back, or with the removal of the bundle. */
  function dropOldest(session: QueuedSession, bundle: Bundle): void {
    session.away.mark = bundle.id
    session.away.floor = bundle.id + 1
    if (bundle.isCounted) session.queue.count(-1, -bundle.bytes)
    bundles.drop(bundle)
  }

  /** Drops all copies of expired bundles. Returns the number of copies. */
  function expire(isPast: (bundle: Bundle) => boolean): number {
    count()
    let copies = 0
    for (const { bundles: list, sessions: all } of [...bundles.inUse()])
      for (const bundle of list.values().filter((one) => one.isStored && isPast(one))) {
        const those = all.filter((session) => session && waitsFor(session, bundle))
        for (const session of those) session?.queue.count(-1, -bundle.bytes)
        // no session can unpack it any more
        list.delete(bundle)
        bundles.drop(bundle, those.length)
        copies += those.length
      }
    return copies
  }

  return {
    membersOf,
    put,
    count,
    oldest,
    dropOldest,
    unpack,
    undo,
    storeFloor,
    expire,
    /** For a session that has ended. */
    dropAll(session: QueuedSession): void {
      for (const bundle of takeAll(session)) bundles.drop(bundle)
    },
    /** A bundle is stored. */
    settle(bundle: Bundle): void {
      bundle.isStored = true
      if (bundle.left > 0) bundle.audience.isStored = true
      for (const [session, entry] of bundle.early)
        if (!session.isClosed) {
          session.queue.admit(entry)
          makeRoom(session)
        }
      bundle.early.clear()
      if (uncounted >= most || uncountedBytes >= mostBytes) count()
    },
  }
}
