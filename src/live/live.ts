import type { Logger } from 'pino'
import type { Broker, BrokerLog } from '../broker/broker.ts'
import type { Retention } from '../broker/store/retention.ts'
import { createEventIds, type EventIds } from './event-ids.ts'
import { createHub, type Hub } from './hub.ts'
import { logInMemory } from './log-in-memory.ts'
import { createLogReader, type LogReader } from './log-reader.ts'
import { createHistory, createMemoryHistory } from './memory-history.ts'

/** The sources that streams and the history read. */
export interface Live {
  /** The broker's log; for a broker without a disk, the messages in memory. */
  readonly log: BrokerLog
  readonly ids: EventIds
  readonly reader: LogReader
  readonly hub: Hub
}

export interface LiveOptions {
  /** How many of the newest messages are ready for streams. */
  readonly newestMessages: number
  /** How long older messages are kept. */
  readonly retention: Retention
  readonly log: Logger
}

/** Most bytes of the newest messages in memory, in addition to those on the disk. */
const NEWEST_BYTES = 16 * 1024 * 1024

/** Begins to follow the messages that the broker delivers. */
export async function openLive(
  broker: Broker,
  { newestMessages: messages, retention, log: logger }: LiveOptions,
): Promise<Live> {
  const ids = createEventIds(broker.log.epoch(), broker.log.oldNumbers())
  const inMemory = broker.log.isDurable
    ? null
    : createMemoryHistory({ ...retention, messages }, ids.of)
  // with a disk, older messages are read from there
  const newest = { messages, bytes: Math.min(retention.bytes, NEWEST_BYTES) }
  const history = inMemory ?? createHistory(broker.log.start(), newest, ids.of)
  const log = inMemory ? logInMemory(broker.log, inMemory) : broker.log
  const hub = createHub(history, ids, broker.subscribe, (error) =>
    logger.error({ err: error }, 'a stream failed'),
  )
  broker.whenBack(hub.missed)
  await broker.follow(hub.note)
  return { log, ids, reader: createLogReader(log, history, ids), hub }
}
