import { createUnlimitedLedger, type Ledger } from '../../budget/ledger.ts'
import type { KeyedLine } from '../broker.ts'
import type { Cohort } from '../cohorts.ts'
import type { Delivery } from '../delivery.ts'
import type { Arrival, Session } from '../session.ts'
import type { Change, Restore } from './changes.ts'
import { createClock } from './clock.ts'
import { toAppend } from './columns.ts'
import { DEFAULT_LIMITS } from './defaults.ts'
import { openForwardPosition } from './forward-position.ts'
import type { ForwardSelection } from './forward-selection.ts'
import { createIncoming } from './incoming.ts'
import type { Journal } from './journal.ts'
import { createKeys } from './keys.ts'
import type { Limits, OnBound, OnDamage } from './limits.ts'
import { createMessageLog } from './log.ts'
import type { QueueRecipient } from './queue-entry.ts'
import { createQueueing } from './queueing.ts'
import { createRetained } from './retained.ts'
import { type AccessOf, createSessions } from './sessions.ts'
import { createIds, type StoreContext } from './store-context.ts'
import { createWills } from './wills.ts'

export interface StoreOptions {
  readonly journal: Journal
  readonly limits?: Partial<Limits>
  readonly onBound?: OnBound
  readonly memory?: Ledger
  readonly onDamage?: OnDamage
  /** The rights of a client, by its device and its client id. */
  readonly accessOf: AccessOf
  /** Milliseconds since the Unix epoch, by the system's clock; a test can pass its own. */
  readonly now?: () => number
  /** Milliseconds of a monotonic clock, which changes of the system's clock do not affect. */
  readonly steady?: () => number
}

export type Store = Awaited<ReturnType<typeof openStore>>

/**
 * The broker's whole state: in memory, with all changes in the journal. Each promise resolves once the change is on the disk;
 * if it rejects, nothing was changed.
 */
export async function openStore({
  journal,
  limits,
  onBound = () => {},
  memory = createUnlimitedLedger(),
  onDamage = () => {},
  accessOf,
  now: wall = Date.now,
  steady = () => performance.now(),
}: StoreOptions) {
  const allLimits = { ...DEFAULT_LIMITS, ...limits }
  const clock = createClock({ wall, steady, maxDowntimeMs: allLimits.countedDowntimeMs })
  const context: StoreContext = {
    journal: { ...journal, append: (changes) => journal.append(withTime(changes)) },
    limits: allLimits,
    onBound,
    memory,
    onDamage,
    now: clock.now,
    ids: createIds(),
  }
  function withTime(changes: readonly Change[]): readonly Change[] {
    return changes.length > 0 && clock.isDue() ? [...changes, ...clock.marks()] : changes
  }

  const log = createMessageLog(context)
  const retained = createRetained(context)
  const sessions = createSessions(context, accessOf)
  const incoming = createIncoming(context)
  const queueing = createQueueing(context, sessions)
  const wills = createWills(context)
  const keys = createKeys(context)

  const restore: Restore = {
    meta: log.meta.restore,
    session: sessions.restoreSession,
    subscribe: sessions.restoreSubscription,
    message: queueing.messages.restore,
    audience: queueing.restoreAudience,
    bundle: queueing.restoreBundle,
    enqueue: queueing.restoreEntry,
    receive(client, packetId) {
      const session = sessions.find(client)
      // the session may have ended before
      if (session) incoming.restore(session, packetId)
    },
    will: wills.restore,
    retain: retained.restore,
    key: keys.restore,
    keyLine: keys.restoreLine,
  }
  try {
    await journal.recover(restore)
  } catch (error) {
    await journal.close()
    throw error
  }
  clock.start(log.meta.number)
  queueing.endRestore()
  sessions.endRestore()
  await log.begin()

  return {
    limits: context.limits,
    log,
    /** Whether changes survive a restart. */
    isDurable: journal.isDurable,
    admin: journal.admin,
    /** Opens the position up to which the log is forwarded. */
    openForwardPosition: (selection: ForwardSelection) =>
      openForwardPosition(context, log, selection),
    sessions,
    queueing,
    incoming,
    retained,
    wills,
    keys,
    /**
     * Stores everything about a message in one step: that it is retained, the queues of `receivers` and `cohorts`, the arrival
     * of the packet that it came `from`, and its line in a request with an idempotency key. Queues keep the order of the calls.
     */
    async storeMessage(
      message: Delivery,
      receivers: readonly QueueRecipient[],
      from: { readonly session: Session; readonly arrival: Arrival } | null,
      cohorts: readonly Cohort[] = [],
      keyedLine: KeyedLine | null = null,
    ): Promise<void> {
      const arrived = from ? incoming.record(from.session, from.arrival) : []
      const keyChanges = keyedLine ? keys.toChanges(keyedLine) : []
      const append = (changes: Change[]) => {
        // earlier messages must be stored first
        log.flush()
        const all = [toAppend(message), ...arrived, ...keyChanges, ...changes]
        return queueing.enqueue(message, receivers, all, cohorts)
      }
      const isPromised = message.qos > 0 || keyedLine !== null || receivers.length > 0
      if (message.retain) await retained.store(message, append, log, isPromised)
      else await append([])
    },
    /** Drops expired messages. */
    expireMessages(): void {
      retained.expire()
      queueing.expireBundles()
      keys.expire()
      for (const session of sessions.all()) queueing.expire(session)
      if (clock.isOverdue()) journal.later('time', ...clock.marks())
    },
    /** Milliseconds by the clock that messages and sessions expire by. */
    now: clock.now,
    noteExpiredSession: () => onBound('session_expired', 1),
    stats: () => ({
      sessions: sessions.size,
      queuedBytes: queueing.messages.bytes,
      retained: retained.size,
      retainedBytes: retained.bytes,
    }),
    /** Resolves once all changes so far are stored. */
    stored: () => journal.append([]),
    outage: () => journal.outage(),
    /** Null while no damage of the log is known. */
    damage(): string | null {
      const count = log.damaged()
      if (count === 0) return null
      return `${count} messages of the log are damaged and skipped: stop the gateway and run "wott-gateway store repair"`
    },
    /** Stores pending changes and closes the journal; may be called again. */
    async close(): Promise<void> {
      journal.later('time', ...clock.marks())
      queueing.storeFloors()
      await log.end()
      await journal.close()
    },
  }
}
