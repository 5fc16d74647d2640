import type { LogPage, LogRange } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { Entry } from './entry.ts'
import type { EventFormat } from './event.ts'

/** The newest messages of the log, so that readers need no disk. */
export interface History {
  /** Adds a delivery with a greater number than all before it; drops the oldest beyond the limits. */
  add(delivery: Delivery): void
  /** The entry of a delivery, which all readers share if it was added last. */
  entry(delivery: Delivery): Entry
  /** The event of an entry. */
  frame(entry: Entry, format: EventFormat): Buffer
  /** All entries after this number; null where some of them were dropped. */
  after(number: number): Entry[] | null
  /** The first part of a range, whose `after` is not below `earliest()`, as `BrokerLog.read` returns it. */
  read(range: LogRange): LogPage
  /** The number of the latest message: a reader that resumes from it has missed nothing so far. */
  latest(): number
  /** No message after this number was dropped. */
  earliest(): number
}
