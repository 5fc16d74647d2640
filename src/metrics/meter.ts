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
export type HandshakeResult = 'full' | 'resumed' | 'refused'
/** Why a queued message was dropped. */
export const QUEUE_REASONS = [
  'queue_messages',
  'queue_bytes',
  'total_bytes',
  'message_expired',
] as const
export type QueueReason = (typeof QUEUE_REASONS)[number]
/** Why a message did not get to a connected subscriber. */
export type DropReason = 'slow_reader' | 'packet_too_large' | QueueReason
/** A limit of the store that had an effect other than a lost delivery. */
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

/** Why a connection is refused or ended on a door that speaks only HTTP. */
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

/** The result of connecting to the other broker; `refused`: by its CONNACK. */
export const UPLINK_RESULTS = ['connected', 'refused', 'failed'] as const
export type UplinkResult = (typeof UPLINK_RESULTS)[number]
/** Why a message was not sent to the other broker, or was not accepted there. */
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
/** Why a request from a proxy is refused before it is handled, by the error code of its answer. */
export const UNIDENTIFIED = [
  'certificate_required',
  'certificate_expired',
  'certificate_revoked',
  'certificate_untrusted',
  'identity_unusable',
  'request_invalid',
  'headers_too_large',
] as const

/** Why a message from the other broker is dropped: the gateway would have refused it from a device, too. */
export const UPLINK_DROPS = ['topic_invalid', 'too_large'] as const
export type UplinkDrop = (typeof UPLINK_DROPS)[number]

/** Where messages come in. */
export type Source = Door | 'bridge'

/** The result for a message from the other broker of a bridge. */
export const BRIDGE_RESULTS = ['accepted', 'refused', 'failed'] as const
export type BridgeResult = (typeof BRIDGE_RESULTS)[number]
/** Why a message does not get to the other broker of a bridge. */
export const BRIDGE_LOSSES = ['no_room', 'damaged', 'refused', 'expired'] as const
export type BridgeLoss = (typeof BRIDGE_LOSSES)[number]

/** The events that all parts of the gateway report, one method for each; none of them may throw. */
export interface Meter {
  published(door: Source, qos: Qos, result: PublishResult): void
  /** The time from the end of the request to its answer, in seconds. */
  publishTook(door: Door, seconds: number): void
  /** An MQTT device has to wait because it publishes faster than its rate limit. */
  publishDelayed(door: Door): void
  /** Work of a device waited for its turn, because the device had used up its share. */
  turnAwaited(): void
  delivered(door: Door): void
  deliveryDropped(door: Door, reason: DropReason, count?: number): void
  storeLimitReached(limit: StoreLimit, count: number): void
  /** Messages in the log were found to be damaged on the disk. */
  messagesDamaged(count: number): void
  /** Stored data cannot be read. */
  storeUnreadable(): void
  connectionOpened(door: Door): void
  connectionClosed(door: Door): void
  connectionCut(door: Door, reason: CutReason): void
  handshake(door: Door, result: HandshakeResult): void
  /** A connection has to wait before its handshake begins, because too many others want theirs. */
  handshakeDelayed(door: Door): void
  /** An HTTP request without an identity is refused because its address sends too many of them. */
  requestRefused(door: Door, reason: RefusedRequest): void
  /** A request that did not come through the proxy has a header that only the proxy may send. */
  identityHeaderIgnored(door: Door): void
  /** A request from the proxy is refused because its sender is not known. */
  passedOnRefused(code: string): void
  streamOpened(door: Door): void
  streamClosed(door: Door): void
  /** A stream is refused because as many are open as are allowed. */
  streamRefused(door: Door): void
  /** A command is delivered to a device over HTTP, for the first time or again. */
  commandDelivered(isRepeated: boolean): void
  commandAcknowledged(): void
  /** A request waits for commands. */
  pollOpened(): void
  pollClosed(): void
  /** A request for commands is refused because as many wait as are allowed. */
  pollRefused(): void
  /** The ACL file was read: its number of rules, or null when it could not be used and the old rules stay. */
  aclLoaded(rules: number | null): void
  uplinkConnection(result: UplinkResult): void
  /** From the call to the other broker's acknowledgement, in seconds. */
  uplinkPublishTook(seconds: number): void
  uplinkRefused(reason: UplinkRefusal): void
  /** A message from the other broker is delivered to nobody here. */
  uplinkDropped(reason: UplinkDrop): void
  uplinkSubscriptionRefused(): void
  /** The other broker of a bridge has acknowledged a message. */
  bridgeForwarded(): void
  /** A message came from the other broker of a bridge. */
  bridgeReceived(result: BridgeResult): void
  bridgeLost(reason: BridgeLoss, count: number): void
  /**
   * The other broker ended a connection while messages of a device were under way; that device now publishes on a separate one.
   */
  uplinkSuspected(): void
  /** A file could not be opened because there was no descriptor left. */
  descriptorsExhausted(): void
  /** A verified certificate is forgotten to make room for more recently used ones. */
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
