import type { Cohort, Members } from '../cohorts.ts'
import { waitsFor } from './away-copies.ts'
import type { Bundles, CopyTerms } from './bundles.ts'
import { createCopyCounts, hasShare } from './copy-counts.ts'
import type { Audience, Bundle, QueuedSession } from './queue-types.ts'
import type { Sessions } from './sessions.ts'
import type { SharedMessage } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

export type AwayBundles = ReturnType<typeof createAwayBundles>

/**
 * Messages that wait for many sessions that are away, stored once for all of them. `makeRoom` drops messages that a queue has no
 * room for.
 */
export function createAwayBundles(
  context: StoreContext,
  sessions: Sessions,
  bundles: Bundles,
  makeRoom: (session: QueuedSession) => void,
) {
  const { limits } = context
  const counts = createCopyCounts(context, sessions, bundles, makeRoom)

  /** The members of a cohort that share a bundle, and those that need an entry of their own. */
  function membersOf(cohort: Cohort): NonNullable<Members['bundled']> {
    const members = cohort.now(sessions.version())
    members.bundled ??= toBundled(members)
    return members.bundled
  }

  function toBundled({ connected, away }: Members): NonNullable<Members['bundled']> {
    const sharing = away.filter(({ session }) => hasShare(session, limits))
    const apart = away.filter(({ session }) => !hasShare(session, limits))
    return {
      audience:
        sharing.length === 0 ? null : bundles.audienceOf(sharing.map(({ session }) => session)),
      apart: [...connected, ...apart],
    }
  }

  function put(shared: SharedMessage, audience: Audience, terms: CopyTerms): Bundle {
    const bundle = bundles.create(shared, audience, terms)
    counts.noteAdded(bundle)
    return bundle
  }

  /** A bundle is stored. */
  function settle(bundle: Bundle): void {
    bundle.isStored = true
    if (bundle.left > 0) bundle.audience.isStored = true
    for (const [session, entry] of bundle.early)
      if (!session.isClosed) {
        session.queue.admit(entry)
        makeRoom(session)
      }
    bundle.early.clear()
    counts.countIfMany()
  }

  /** A bundle could not be stored. */
  function undo(bundle: Bundle): void {
    const { audience, early, isCounted, bytes } = bundle
    if (!isCounted) audience.uncounted = audience.uncounted.filter((one) => one !== bundle)
    const waiting = audience.sessions.filter((one) => one && waitsFor(one, bundle))
    if (isCounted) for (const session of waiting) session?.queue.count(-1, -bytes)
    let copies = waiting.length
    for (const [{ queue }, entry] of early) {
      if (entry.message) copies += 1
      queue.remove(entry)
    }
    bundles.drop(bundle, copies)
  }

  /** Drops all copies of expired bundles. Returns the number of copies. */
  function expire(isPast: (bundle: Bundle) => boolean): number {
    counts.count()
    let copies = 0
    for (const { bundles: list, sessions: all } of [...bundles.inUse()])
      for (const bundle of list.values().filter((one) => one.isStored && isPast(one))) {
        const waiting = all.filter((session) => session && waitsFor(session, bundle))
        for (const session of waiting) session?.queue.count(-1, -bundle.bytes)
        // no session can unpack it any more
        list.delete(bundle)
        bundles.drop(bundle, waiting.length)
        copies += waiting.length
      }
    return copies
  }

  return { membersOf, put, settle, undo, expire }
}
