import type { Delivery } from '../broker/delivery.ts'
import { type EventFormat, eventFrame } from './event.ts'
import { readStored, type Stored } from './rows.ts'

/** One delivered message, for readers of events. */
export interface Entry {
  readonly topic: string
  readonly sequence: number
  readonly expires: number | null
  readonly message: Delivery | Stored
  /** The event in each format: made when first needed, then shared by all readers. Null for an entry of one reader. */
  readonly frames: Partial<Record<EventFormat, Buffer>> | null
}

/** An entry whose events are shared by all readers. */
export function toEntry(message: Delivery): Entry {
  const { topic, sequence, expires } = message
  return { topic, sequence, expires, message, frames: {} }
}

function deliveryOf({ message }: Entry): Delivery {
  return 'page' in message ? readStored(message) : message
}

/** `idOf` makes the id of a message in events. */
export function frameOf(
  entry: Entry,
  idOf: (number: number) => string,
  format: EventFormat,
): Buffer {
  const { frames } = entry
  const made = frames?.[format] ?? eventFrame(deliveryOf(entry), idOf(entry.sequence), format)
  if (frames) frames[format] = made
  return made
}
