import type { Logger } from 'pino'
import type { Ledger } from '../budget/ledger.ts'
import type { Config } from '../config/load.ts'
import { createLogLimit } from '../log/log-limit.ts'
import { type Meter, QUEUE_REASONS, type QueueReason } from '../metrics/meter.ts'
import type { Broker } from './broker.ts'
import { type EmbeddedOptions, openEmbedded } from './embedded.ts'
import type { RelayedBroker } from './relayed/relayed.ts'
import type { MessageRules } from './relayed/rules.ts'
import type { SessionBroker } from './session-broker.ts'
import type { StoreAdmin } from './store/admin.ts'
import type { ForwardPosition } from './store/forward-position.ts'
import type { ForwardSelection } from './store/forward-selection.ts'
import { createSilentJournal, type Journal } from './store/journal.ts'
import type { BoundReason } from './store/limits.ts'
import type { AccessOf } from './store/sessions.ts'
import { openSqliteJournal } from './store/sqlite-journal.ts'
import type { TakenOver } from './store/sqlite-upgrade.ts'
import { openStore } from './store/store.ts'
import type { StoreThread } from './store/store-thread.ts'

export type BrokerSettings = Config['broker']

export interface BrokerOptions {
  /** Which messages another broker may pass on. */
  readonly rules: MessageRules
  readonly memory: Ledger
  readonly meter: Meter
  readonly log: Logger
  /** What a client may do, by its device and its client id. */
  readonly accessOf: AccessOf
  /** By default the rights of clients never change. */
  readonly onRightsChange?: EmbeddedOptions['onRightsChange']
  /** The part of the log that is forwarded to another broker; only a broker with a disk supports it. */
  readonly forwardSelection?: ForwardSelection | null
  /** Called with how many messages were deleted for lack of room before they were forwarded. */
  readonly onUnforwarded?: (count: number) => void
  /** The thread of the store, if it has been started already. */
  readonly thread?: StoreThread | null
}

export interface OpenedBroker extends Broker, SessionBroker {
  readonly admin: StoreAdmin | null
  /** The folder of the store; null for a store in memory. */
  readonly folder: string | null
  /** Null if nothing is forwarded. */
  readonly forwardPosition: ForwardPosition | null
  /** The connection to the broker behind this gateway; null if there is none. */
  readonly uplink: RelayedBroker['uplink'] | null
  /** Known damage of the store; null if there is none. */
  damage(): string | null
  /** What is wrong with the other broker although it accepts messages; null if nothing is. */
  degraded(): string | null
}

/** Opens the broker at the address in the settings. No other code knows which kinds of brokers exist. */
export async function openBroker(
  settings: BrokerSettings,
  options: BrokerOptions,
): Promise<OpenedBroker> {
  const { address } = settings
  const logLimited = createLogLimit()
  const store = await openStore({
    journal: await openJournal(settings, options),
    limits: settings.limits,
    accessOf: options.accessOf,
    memory: options.memory,
    onBound(reason, count) {
      countBound(options.meter, reason, count)
      if (address.kind === 'mqtt' && reason.startsWith('retained'))
        logLimited(reason, (repeated) =>
          options.log.warn(
            { reason, ...repeated },
            'no memory for more retained messages of the broker',
          ),
        )
    },
    onDamage(numbers) {
      options.meter.messagesDamaged(numbers.length)
      options.log.error({ numbers }, 'the disk has damaged messages of the log; they are skipped')
    },
  })
  const { admin, damage } = store
  const { meter, log, onRightsChange } = options
  const forwardPosition = options.forwardSelection
    ? await store.openForwardPosition(options.forwardSelection)
    : null
  const folder = address.kind === 'file' ? address.path : null
  const ofStore = { admin, folder, forwardPosition, damage }
  if (address.kind !== 'mqtt')
    return {
      ...openEmbedded({ store, log, onRightsChange }),
      ...ofStore,
      uplink: null,
      degraded: () => null,
    }
  const { openRelayed } = await import('./relayed/relayed.ts')
  const relayed = await openRelayed({
    urls: address.urls,
    store,
    settings: settings.relayed,
    rules: options.rules,
    meter,
    log,
    openLocal: (demand) => openEmbedded({ store, log, onRightsChange, demand }),
  })
  return { ...relayed, ...ofStore }
}

async function openJournal(
  { address, fsync, retention }: BrokerSettings,
  options: BrokerOptions,
): Promise<Journal> {
  if (address.kind !== 'file') return createSilentJournal()
  const { log, forwardSelection = null } = options
  const logLimited = createLogLimit()
  return openSqliteJournal(
    address.path,
    {
      fsync,
      retention,
      forwardSelection,
      onUnforwarded(count) {
        options.meter.bridgeLost('no_room', count)
        options.onUnforwarded?.(count)
        logLimited('unforwarded', (repeated) =>
          log.error(
            { count, ...repeated },
            'messages were deleted before they were sent to the other broker of the bridge: WOTT_HISTORY_BYTES is reached',
          ),
        )
      },
      onTakenOver: (takenOver) => noteTakenOver(log, takenOver),
      onUnreadable(reason) {
        options.meter.storeUnreadable()
        logLimited('unreadable', (repeated) =>
          log.error({ reason, ...repeated }, 'the store cannot be read'),
        )
      },
    },
    (reason) => {
      if (reason === null) log.info('the store can be written again')
      else log.error({ reason }, 'the store cannot be written')
    },
    options.thread ?? undefined,
  )
}

function noteTakenOver(log: Logger, { damaged, missing, ...rest }: TakenOver): void {
  const { file, messages, damagedLines } = rest
  if (damaged + missing === 0)
    log.info({ file, messages }, 'imported the history of an older gateway')
  else
    log.warn(
      { file: `${file}.damaged`, messages, damaged, damagedLines, missing },
      'imported the history of an older gateway, except damaged or missing parts',
    )
}

function countBound(meter: Meter, reason: BoundReason, count: number): void {
  if (isQueueReason(reason)) meter.deliveryDropped('mqtt', reason, count)
  else meter.storeLimitReached(reason, count)
}

function isQueueReason(reason: BoundReason): reason is QueueReason {
  return QUEUE_REASONS.some((one) => one === reason)
}
