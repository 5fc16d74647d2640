/** How long the log keeps messages. Bytes are those of topics, payloads and properties, and `ENTRY_BYTES` for each message. */
export interface Retention {
  /** Milliseconds that a message is kept. */
  readonly age: number
  readonly bytes: number
  /** Of those, of the messages of one device. */
  readonly bytesPerDevice: number
  /** Milliseconds that the latest message of a topic is kept, even beyond `age` and `bytes`. */
  readonly topicTtl: number
  /** Topics whose latest message is kept like that; those of one device are at most half of them. */
  readonly topics: number
}

/** What a row takes on the disk besides, so that tiny messages cannot fill it. */
export const ENTRY_BYTES = 100

const DAY = 24 * 60 * 60 * 1000

export const DEFAULT_RETENTION: Retention = {
  age: 7 * DAY,
  bytes: 1024 ** 3,
  bytesPerDevice: 1024 ** 3 / 2,
  topicTtl: 30 * DAY,
  topics: 100_000,
}

/** What the log holds, and what is gone from it. */
export interface LogState {
  /** Nothing but the latest messages of topics is left up to this number. */
  readonly trimmed: number
  /** Up to this number messages of a device that used more than its share may be gone. */
  readonly thinned: number
  /** Null until what was there at the start is counted. */
  readonly usage: { readonly entries: number; readonly bytes: number } | null
}
