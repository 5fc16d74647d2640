import type { Delivery } from '../broker/broker.ts'
import { ENTRY_BYTES } from '../broker/store/retention.ts'
import type { Chain, Link } from './chain.ts'
import { type Entry, propertiesText } from './history.ts'

/**
 * Why a message is in memory. `recent`: there is room for it. `spared`: its device has more than its share, but it is the
 * latest of its topic. `kept`: all other messages of its age were dropped, but it is the latest of its topic.
 */
export type EntryStanding = 'recent' | 'spared' | 'kept'

/** A message of a broker without a disk. There may be half a million of them, so each has as few fields as possible. */
export interface MemoryEntry extends Entry, Link<MemoryEntry> {
  readonly bytes: number
  /** When it came, by the clock of the history. */
  readonly stored: number
  readonly owner: EntryOwner
  standing: EntryStanding
}

/** A number of entries, and their bytes. */
export interface EntryTally {
  entries: number
  bytes: number
}

/** The entries of one device in memory. */
export interface EntryOwner extends EntryTally {
  readonly device: string | null
  /** Its recent messages, oldest first. */
  readonly recent: Chain<MemoryEntry>
  /** Messages that stay only because they are the latest of their topics. */
  readonly held: EntryTally
}

/** `before` is the previous message on its topic. */
export function toMemoryEntry(
  delivery: Delivery,
  before: MemoryEntry | undefined,
  stored: number,
  owner: EntryOwner,
): MemoryEntry {
  const { payload, qos, retain, device, time, received, expires, sequence } = delivery
  // all messages of a topic share one string
  const topic = before?.topic ?? delivery.topic
  const properties = propertiesText(delivery.properties)
  const bytes = ENTRY_BYTES + topic.length + payload.length + (properties?.length ?? 0)
  // field by field: every message passes here, and spreading takes longer
  return {
    topic,
    characters: payload.toString('latin1'),
    qos,
    retain,
    device,
    time,
    received,
    properties,
    expires,
    sequence,
    frames: null,
    bytes,
    stored,
    owner,
    standing: 'recent',
    before: null,
    after: null,
  }
}

export function count(tally: EntryTally, { bytes }: MemoryEntry, by: 1 | -1): void {
  tally.entries += by
  tally.bytes += by * bytes
}
