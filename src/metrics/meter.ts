import type { Door } from '../door-table.ts'
import type { Qos } from '../topic/message.ts'

export const PUBLISH_RESULTS = [
  'accepted',
  'denied',
  'invalid',
  'too_large',
  'rate_limited',
  'failed',
] as const
export type PublishResult = (typeof PUBLISH_RESULTS)[number]
export const HANDSHAKE_RESULTS = ['full', 'resumed', 'refused'] as const
export type HandshakeResult = (typeof HANDSHAKE_RESULTS)[number]
/** Why a queued message was given up. */
export const QUEUE_REASONS = [
  'queue_messages',
  'queue_bytes',
  'total_bytes',
  'message_expired',
] as const
export type QueueReason = (typeof QUEUE_REASONS)[number]
/** Why a message did not get to a subscriber that was there. */
export const SEND_REASONS = ['slow_reader', 'packet_too_large'] as const
export type DropReason = (typeof SEND_REASONS)[number] | QueueReason
/** A bound of the store that cost something other than a delivery. */
export const STORE_LIMITS = [
  'retained_messages',
  'retained_bytes',
  'subscriptions',
  'sessions',
  'session_expired',
  'log_overload',
  'idempotency_keys',
] as const
export type StoreLimit = (typeof STORE_LIMITS)[number]

/** In milliseconds since the Unix epoch. */
export interface Validity {
  readonly from: number
  readonly to: number
}

/** Why a connection is refused or ended on a door that speaks HTTP alone. */
export const HTTP_CUT_REASONS = [
  'max_connections',
  'descriptors',
  'max_connections_per_device',
  'max_strangers',
  'max_strangers_per_address',
  'request_timeout',
  'slow_reader',
  'protocol_error',
  'plain_text',
  'proxy_untrusted',
  'proxy_header',
  'proxy_pending',
] as const
/** Why a connection is refused or ended. */
export const CUT_REASONS = [
  ...HTTP_CUT_REASONS,
  'packet_size',
  'packet_timeout',
  'connect_timeout',
  'keep_alive',
  'receive_maximum',
  'topic_alias',
  'memory',
] as const
export type CutReason = (typeof CUT_REASONS)[number]

export const REFUSED_REQUESTS = ['stranger_rate', 'invite_guesses'] as const
/** Which limit of an address was reached. */
export type RefusedRequest = (typeof REFUSED_REQUESTS)[number]

/** What came of connecting to the other broker; `refused`: by its CONNACK. */
export const UPLINK_RESULTS = ['connected', 'refused', 'failed'] as const
export type UplinkResult = (typeof UPLINK_RESULTS)[number]
/** Why a message did not go to the other broker, or was not taken there. */
export const UPLINK_REFUSALS = [
  'away',
  'deadline',
  'pending',
  'suspect',
  'denied',
  'quota',
  'invalid',
  'too_large',
  'unsupported',
  'failed',
] as const
export type UplinkRefusal = (typeof UPLINK_REFUSALS)[number]
/** Why a request that a proxy passes on is refused before it is looked at, by the code of its answer. */
export const UNIDENTIFIED = [
  'certificate_required',
  'certificate_expired',
  'certificate_revoked',
  'certificate_untrusted',
  'identity_unusable',
  'request_invalid',
  'headers_too_large',
] as const

/** Why a message of the other broker goes to nobody: the gateway would have refused it itself. */
export const UPLINK_DROPS = ['topic_invalid', 'too_large'] as const
export type UplinkDrop = (typeof UPLINK_DROPS)[number]

/** Where messages come in. */
export type Source = Door | 'bridge'

/** What came of a message from the other broker of a bridge. */
export const BRIDGE_RESULTS = ['accepted', 'refused', 'failed'] as const
export type BridgeResult = (typeof BRIDGE_RESULTS)[number]
/** Why a message does not get to the other broker of a bridge. */
export const BRIDGE_LOSSES = ['no_room', 'damaged', 'refused', 'expired'] as const
export type BridgeLoss = (typeof BRIDGE_LOSSES)[number]

/** What the rooms report of themselves, one method an event; none of them may throw. */
export interface Meter {
  published(door: Source, qos: Qos, result: PublishResult): void
  /** From the whole request being there to its answer being known, in seconds. */
  publishTook(door: Door, seconds: number): void
  /** A device that speaks MQTT is made to wait because it publishes faster than it may. */
  publishDelayed(door: Door): void
  /** Work of a device waited for its turn, because the device had used up its share. */
  turnAwaited(): void
  delivered(door: Door): void
  deliveryDropped(door: Door, reason: DropReason, count?: number): void
  storeLimitReached(limit: StoreLimit, count: number): void
  /** Messages of the log were found that the disk has damaged. */
  messagesDamaged(count: number): void
  /** Something that is stored cannot be read. */
  storeUnreadable(): void
  connectionOpened(door: Door): void
  connectionClosed(door: Door): void
  connectionCut(door: Door, reason: CutReason): void
  handshake(door: Door, result: HandshakeResult): void
  /** A connection has to wait before its handshake begins, because others want theirs too. */
  handshakeDelayed(door: Door): void
  /** An HTTP request of somebody without a name is refused because its address sends too many of them. */
  requestRefused(door: Door, reason: RefusedRequest): void
  /** A request has a header that only the proxy may send, and did not come through it. */
  identityHeaderIgnored(door: Door): void
  /** It is not known who sends a request that the proxy passes on. */
  passedOnRefused(code: string): void
  streamOpened(door: Door): void
  streamClosed(door: Door): void
  /** There were as many as there may be. */
  streamRefused(door: Door): void
  /** A device that asks over HTTP is given a command, for the first time or again. */
  commandDelivered(isRepeated: boolean): void
  commandAcknowledged(): void
  /** A request waits for commands. */
  pollOpened(): void
  pollClosed(): void
  /** There were as many as there may be. */
  pollRefused(): void
  /** The ACL file was read: its number of rules, or null when it could not be used and the old rules stay. */
  aclLoaded(rules: number | null): void
  uplinkConnection(result: UplinkResult): void
  /** From the call to the other broker's acknowledgement, in seconds. */
  uplinkPublishTook(seconds: number): void
  uplinkRefused(reason: UplinkRefusal): void
  /** A message of the other broker goes to nobody here. */
  uplinkDropped(reason: UplinkDrop): void
  uplinkSubscriptionRefused(): void
  /** The other broker of a bridge has acknowledged a message. */
  bridgeForwarded(): void
  /** A message came from it. */
  bridgeReceived(result: BridgeResult): void
  bridgeLost(reason: BridgeLoss, count: number): void
  /** The other broker ended a connection while messages of a device were under way, which does not publish with the others now. */
  uplinkSuspected(): void
  /** A file could not be opened because there was no descriptor left. */
  descriptorsExhausted(): void
  /** A certificate that was verified is forgotten, because others were used after it. */
  certificateForgotten(): void
  /** Null when there is none. */
  certificateValid(certificate: 'server' | 'ca' | 'crl', validity: Validity | null): void
}

const nothing = () => {}

export const silentMeter: Meter = {
  published: nothing,
  publishTook: nothing,
  publishDelayed: nothing,
  turnAwaited: nothing,
  delivered: nothing,
  deliveryDropped: nothing,
  storeLimitReached: nothing,
  messagesDamaged: nothing,
  storeUnreadable: nothing,
  connectionOpened: nothing,
  connectionClosed: nothing,
  connectionCut: nothing,
  handshake: nothing,
  handshakeDelayed: nothing,
  requestRefused: nothing,
  identityHeaderIgnored: nothing,
  passedOnRefused: nothing,
  streamOpened: nothing,
  streamClosed: nothing,
  streamRefused: nothing,
  commandDelivered: nothing,
  commandAcknowledged: nothing,
  pollOpened: nothing,
  pollClosed: nothing,
  pollRefused: nothing,
  aclLoaded: nothing,
  uplinkConnection: nothing,
  uplinkPublishTook: nothing,
  uplinkRefused: nothing,
  uplinkDropped: nothing,
  uplinkSubscriptionRefused: nothing,
  bridgeForwarded: nothing,
  bridgeReceived: nothing,
  bridgeLost: nothing,
  uplinkSuspected: nothing,
  descriptorsExhausted: nothing,
  certificateForgotten: nothing,
  certificateValid: nothing,
}
