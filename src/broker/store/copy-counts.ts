import { waitsFor } from './away-copies.ts'
import type { BundleList } from './bundle-list.ts'
import type { Bundles } from './bundles.ts'
import type { Limits } from './limits.ts'
import type { Bundle, QueuedSession } from './queue-types.ts'
import type { Sessions } from './sessions.ts'
import type { StoreContext } from './store-context.ts'

/** Bundles, and bytes, that are counted in the queues together; until then a queue may exceed its limits by this much. */
const COUNTED_AT_ONCE = 64
const BYTES_AT_ONCE = 1024 * 1024
/** The same as a part of each limit, for small limits. */
const PART_OF_LIMIT = 16

/**
 * Counts the copies of new bundles in the queues of their sessions, and drops copies that have no room. Bundles are counted
 * together, because each count visits every session of an audience. `makeRoom` drops messages that a queue has no room for.
 */
export function createCopyCounts(
  { limits, onBound }: StoreContext,
  sessions: Sessions,
  bundles: Bundles,
  makeRoom: (session: QueuedSession) => void,
) {
  const most = Math.min(COUNTED_AT_ONCE, limits.messagesPerSession / PART_OF_LIMIT)
  const mostBytes = Math.min(
    BYTES_AT_ONCE,
    limits.bytesPerSession / PART_OF_LIMIT,
    limits.queuedBytesPerDevice / PART_OF_LIMIT,
  )
  let uncounted = 0
  let uncountedBytes = 0

  function count(): void {
    if (uncounted === 0) return
    uncounted = 0
    uncountedBytes = 0
    let isAnyOver = false
    for (const audience of [...bundles.inUse()]) {
      const added = audience.uncounted
      if (added.length === 0) continue
      audience.uncounted = []
      let bytes = 0
      for (const bundle of added) {
        bundle.isCounted = true
        bytes += bundle.bytes
      }
      const dropped = audience.bundles.values().map((bundle) => ({ bundle, copies: 0 }))
      for (const session of audience.sessions) {
        if (session === undefined || session.isClosed) continue
        countIn(session, added, bytes)
        dropMany(session, audience.bundles, dropped)
        makeRoom(session)
        isAnyOver ||= !hasShare(session, limits)
      }
      for (const { bundle, copies } of dropped) if (copies > 0) bundles.drop(bundle, copies)
    }
    if (isAnyOver) sessions.noteChange()
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
    const over = queue.length() - limits.messagesPerSession
    if (over <= 0 || queue.unsent() > 0 || away.audiences.size > 1) return
    const from = list.after(away.takenUpTo)
    const oldest = dropped.slice(from, from + over)
    let bytes = 0
    for (const one of oldest) {
      one.copies += 1
      bytes += one.bundle.bytes
    }
    away.takenUpTo = oldest.at(-1)?.bundle.id ?? away.takenUpTo
    away.floor = away.takenUpTo + 1
    queue.count(-oldest.length, -bytes)
    onBound('queue_messages', oldest.length)
  }

  return {
    count,
    /** A bundle was added, and is not counted yet. */
    noteAdded({ bytes }: Bundle): void {
      uncounted += 1
      uncountedBytes += bytes
    },
    /** Counts if many are not counted yet. */
    countIfMany(): void {
      if (uncounted >= most || uncountedBytes >= mostBytes) count()
    },
  }
}

/** Whether the queues of the session's device are below its limit. */
export function hasShare({ totals }: QueuedSession, limits: Limits): boolean {
  return totals.bytes < limits.queuedBytesPerDevice
}

function countIn(session: QueuedSession, added: readonly Bundle[], bytes: number): void {
  const { queue } = session
  const [first] = added
  if (first && waitsFor(session, first)) queue.count(added.length, bytes)
  else for (const bundle of added) if (waitsFor(session, bundle)) queue.count(1, bundle.bytes)
}
