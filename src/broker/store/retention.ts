/** How long the log keeps messages. Bytes are those of topics, payloads and properties, plus `ENTRY_BYTES` for each message. */
export interface Retention {
  /** Milliseconds for which a message is kept. */
  readonly age: number
  readonly bytes: number
  /** The part of `bytes` for the messages of one device. */
  readonly bytesPerDevice: number
  /** Milliseconds for which the latest message of a topic is kept, even beyond `age` and `bytes`. */
  readonly topicTtl: number
  /** The most topics whose latest message is kept like that; one device has at most half of them. */
  readonly topics: number
}

/** The overhead of a row on the disk; it is counted so that tiny messages cannot fill the disk. */
export const ENTRY_BYTES = 100

const DAY = 24 * 60 * 60 * 1000

export const DEFAULT_RETENTION: Retention = {
  age: 7 * DAY,
  bytes: 1024 ** 3,
  bytesPerDevice: 1024 ** 3 / 2,
  topicTtl: 30 * DAY,
  topics: 100_000,
}

/** The content of the log, and the numbers up to which messages are gone. */
export interface LogState {
  /** Up to this number only the latest messages of topics are left. */
  readonly trimmed: number
  /** Up to this number, messages of devices that exceeded their share may be gone. */
  readonly thinned: number
  /** Null until the messages from before the start are counted. */
  readonly usage: { readonly entries: number; readonly bytes: number } | null
}
