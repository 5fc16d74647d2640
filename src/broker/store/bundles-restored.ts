import { type Bundles, createAudience, toCopy } from './bundles.ts'
import type { Audience, Bundle, QueuedSession, QueueEntry } from './queue-types.ts'
import type { Sessions } from './sessions.ts'
import type { SharedMessages } from './shared-messages.ts'
import type { Ids } from './store-context.ts'

/** Collects the stored bundles, until all rows that refer to them are restored too. */
export function createRestoredBundles(
  ids: Ids,
  sessions: Sessions,
  messages: SharedMessages,
  bundles: Bundles,
) {
  const audiences = new Map<number, Audience>()
  /** In the order of their ids. */
  const restored: Bundle[] = []
  /** The ids of copies that have rows of their own: they were sent or removed. */
  const withOwnRow = new Set<number>()

  function bundleOfCopy(id: number): Bundle | undefined {
    let [low, high] = [0, restored.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((restored[middle] as Bundle).id <= id) low = middle + 1
      else high = middle
    }
    const bundle = restored[low - 1]
    return bundle && id < bundle.id + bundle.audience.sessions.length ? bundle : undefined
  }

  /** Makes queue entries of the copies that are older than one that was sent or removed. All others wait. */
  function restoreCopies(bundle: Bundle, entries: Map<QueuedSession, QueueEntry[]>): void {
    for (const [place, session] of bundle.audience.sessions.entries()) {
      if (!session || withOwnRow.has(bundle.id + place) || bundle.id < session.away.floor) continue
      bundle.left += 1
      if (bundle.id > session.away.takenUpTo) {
        session.queue.count(1, bundle.bytes)
        continue
      }
      const own = entries.get(session) ?? []
      own.push(toCopy(bundle, session))
      entries.set(session, own)
    }
  }

  return {
    audience(id: number, numbers: string): void {
      ids.skipPast(id)
      const members = numbers.split(',').map((number) => {
        ids.skipPast(Number(number))
        return sessions.byId(Number(number))
      })
      audiences.set(id, createAudience(id, members, true))
    },
    bundle(
      row: Omit<Bundle, 'audience' | 'message' | 'shared'>,
      audienceId: number,
      messageId: number,
    ): void {
      const audience = audiences.get(audienceId)
      const shared = messages.restored(messageId)
      // the removal of this row was not stored before the gateway ended
      if (!audience || !shared) return
      ids.skipPast(row.id + audience.sessions.length - 1)
      const bundle = { ...row, audience, shared, message: shared.message }
      restored.push(bundle)
      bundles.add(bundle)
    },
    /** The bundle of the copy that has this row of its own, or null. */
    noteOwnRow(id: number): Bundle | null {
      const bundle = bundleOfCopy(id)
      if (!bundle) return null
      withOwnRow.add(id)
      const away = bundle.audience.sessions[id - bundle.id]?.away
      if (away) away.takenUpTo = Math.max(away.takenUpTo, bundle.id)
      return bundle
    },
    end(): void {
      const entries = new Map<QueuedSession, QueueEntry[]>()
      for (const bundle of restored) {
        restoreCopies(bundle, entries)
        bundle.left += 1
        bundles.drop(bundle)
      }
      for (const [session, own] of entries) session.queue.admitInOrder(own)
      restored.length = 0
      withOwnRow.clear()
      audiences.clear()
    },
  }
}
