import { topicMatches } from '../../topic/match.ts'

/** The messages of the log that go to another broker: those that a filter covers, except those of one device. */
export interface ForwardSelection {
  readonly filters: readonly string[]
  /** That device. */
  readonly except: string
}

/** Whether a message goes to the other broker; `device` is its publisher, null if unknown. */
export function isForwarded(
  { filters, except }: ForwardSelection,
  topic: string,
  device: string | null,
): boolean {
  return device !== except && filters.some((filter) => topicMatches(filter, topic))
}
