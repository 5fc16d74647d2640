import type { Delivery } from '../broker/delivery.ts'

/** A message that waits for a device until the device acknowledges it. */
export interface Command {
  /** Names it in the answer and in its acknowledgement: that of the same message in an event stream. */
  readonly id: string
  readonly message: Delivery
  /** Whether the device was sent it before. */
  readonly isRepeated: boolean
}

/** What one request gets. */
export interface Taken {
  /** Oldest first. */
  readonly commands: readonly Command[]
  /** Whether more wait behind these. */
  readonly hasMore: boolean
}
