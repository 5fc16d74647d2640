import type { CutReason } from '../metrics/meter.ts'
import { Reason } from './reasons.ts'

/**
 * How the end of a connection for this reason is counted; null where the client is not at fault, or where the caller knows the
 * bound.
 */
export function boundOf(reason: number): CutReason | null {
  return BOUNDS[reason] ?? null
}

const BOUNDS: Partial<Record<number, CutReason>> = {
  [Reason.malformedPacket]: 'protocol_error',
  [Reason.protocolError]: 'protocol_error',
  [Reason.unsupportedProtocolVersion]: 'protocol_error',
  [Reason.clientIdentifierNotValid]: 'protocol_error',
  [Reason.badAuthenticationMethod]: 'protocol_error',
  [Reason.topicFilterInvalid]: 'protocol_error',
  [Reason.topicNameInvalid]: 'protocol_error',
  [Reason.payloadFormatInvalid]: 'protocol_error',
  [Reason.keepAliveTimeout]: 'keep_alive',
  [Reason.packetTooLarge]: 'packet_size',
  [Reason.receiveMaximumExceeded]: 'receive_maximum',
  [Reason.topicAliasInvalid]: 'topic_alias',
}
