import type { Delivery } from '../delivery.ts'
import type { Match, Session } from '../session.ts'
import type { Change } from './changes.ts'
import type { QueueEntry } from './queue-types.ts'
import type { SharedMessage } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

/** A session that gets a copy of a message, and the options of that copy. */
export interface QueueRecipient {
  readonly match: Match
  /** The lower QoS of the message and the subscription. */
  readonly qos: 1 | 2
  readonly retain: boolean
}

/** A new entry for the recipient's queue; without `message` the entry cannot be sent again. */
export function createEntry(
  { ids, now }: Pick<StoreContext, 'ids' | 'now'>,
  { match, qos, retain }: QueueRecipient,
  message: Delivery | null,
  messageBytes: number,
  shared: SharedMessage | null,
): QueueEntry {
  const { identifiers, group } = match
  return {
    id: ids.next(),
    qos,
    retain,
    // an entry can have thousands of them, and needs none if the message cannot be sent again
    identifiers: message === null ? null : identifiers,
    sharedName: group?.name ?? null,
    message,
    shared,
    bundle: null,
    since: now(),
    bytes: message === null ? 0 : entryBytes(messageBytes, identifiers),
    packetId: 0,
    isReleased: false,
    isMoving: false,
  }
}

const IDENTIFIER_BYTES = 8

/**
 * Bytes that an entry counts: those of the message and of its subscription identifiers, of which a session can have thousands.
 */
export function entryBytes(messageBytes: number, identifiers: readonly number[] | null): number {
  return messageBytes + (identifiers === null ? 0 : identifiers.length * IDENTIFIER_BYTES)
}

/** The change that stores an entry. */
export function enqueueChange(session: Session, entry: QueueEntry): Change {
  const { id, shared, qos, packetId, isReleased, retain, identifiers, since } = entry
  const list = identifiers === null ? null : JSON.stringify(identifiers)
  return [
    'enqueue',
    id,
    session.id,
    isReleased ? null : (shared?.message.sequence ?? null),
    qos,
    packetId === 0 ? null : packetId,
    retain ? 1 : 0,
    list,
    since,
  ]
}
