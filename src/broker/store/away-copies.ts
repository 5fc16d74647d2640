import { type Bundles, toCopy } from './bundles.ts'
import type { Bundle, QueuedSession, QueueEntry } from './queue-types.ts'
import type { StoreContext } from './store-context.ts'

/** Whether a copy of the bundle waits for the session to come back. */
export function waitsFor({ isClosed, away }: QueuedSession, { id }: Bundle): boolean {
  return !isClosed && id > away.takenUpTo
}

/** The oldest bundle that waits for a session. */
export function oldestBundle({ away }: QueuedSession): Bundle | undefined {
  let oldest: Bundle | undefined
  for (const { bundles } of away.audiences) {
    const bundle = bundles.at(bundles.after(away.takenUpTo))
    if (bundle && (!oldest || bundle.id < oldest.id)) oldest = bundle
  }
  return oldest
}

/** The copies in bundles for each session. `makeRoom` drops messages that a queue has no room for. */
export function createAwayCopies(
  { journal }: Pick<StoreContext, 'journal'>,
  bundles: Bundles,
  makeRoom: (session: QueuedSession) => void,
) {
  /** Turns the copies that wait for a session into entries of its queue. */
  function unpack(session: QueuedSession): void {
    if (session.away.audiences.size === 0) return
    const stored: QueueEntry[] = []
    for (const bundle of takeBundles(session)) {
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

  /** Stores up to which bundle a session has its copies, while other sessions still wait for theirs. */
  function storeFloor({ id, away, queue }: QueuedSession): void {
    let { floor } = away
    if (floor === 0) return
    // an unsent copy has no row of its own, and would be lost below the floor
    for (const { bundle, packetId } of queue.all())
      if (bundle && packetId === 0) floor = Math.min(floor, bundle.id)
    journal.later(`floor ${id}`, ['floor', floor, id])
  }

  /** For a session that has ended. */
  function dropAll(session: QueuedSession): void {
    for (const bundle of takeBundles(session)) bundles.drop(bundle)
  }

  return { unpack, storeFloor, dropAll }
}

/** Returns the waiting bundles in the order of their ids, and marks all of them as taken. */
function takeBundles({ away, queue }: QueuedSession): Bundle[] {
  const lists = [...away.audiences].map(({ bundles }) => {
    const from = bundles.after(away.takenUpTo)
    return Array.from({ length: bundles.size - from }, (_, n) => bundles.at(from + n) as Bundle)
  })
  const all = lists.flat().sort((a, b) => a.id - b.id)
  for (const { isCounted, bytes } of all) if (isCounted) queue.count(-1, -bytes)
  away.takenUpTo = all.at(-1)?.id ?? away.takenUpTo
  return all
}
