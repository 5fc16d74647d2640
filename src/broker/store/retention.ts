import type { Config } from '../../config/load.ts'

/**
 * How long the log keeps messages. Bytes are those of topics, payloads and properties, plus `ENTRY_BYTES`
 * for each message.
 */
export type Retention = Config['broker']['retention']

/** The overhead of a row on the disk; it is counted so that tiny messages cannot fill the disk. */
export const ENTRY_BYTES = 100

/** The content of the log, and the numbers up to which messages are gone. */
export interface LogState {
  /** Up to this number only the latest messages of topics are left. */
  readonly trimmed: number
  /** Up to this number, messages of devices that exceeded their share may be gone. */
  readonly thinned: number
  /** Null until the messages from before the start are counted. */
  readonly usage: { readonly entries: number; readonly bytes: number } | null
}
