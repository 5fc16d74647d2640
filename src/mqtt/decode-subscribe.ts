import type { Qos } from '../topic/message.ts'
import {
  type Cursor,
  malformed,
  protocolError,
  readByte,
  readPacketId,
  readText,
} from './cursor.ts'
import type { Subscribe, SubscriptionRequest, Unsubscribe, Version } from './packets.ts'
import { readProperties } from './properties.ts'

const NO_LOCAL = 0x04
const RETAIN_AS_PUBLISHED = 0x08

/** SUBSCRIBE [§3.8]. Does not check that the filters are valid. Throws a ProtocolError. */
export function decodeSubscribe(cursor: Cursor, version: Version): Subscribe {
  const packetId = readPacketId(cursor)
  const identifier = version === 5 ? (readProperties(cursor).subscriptionIdentifier ?? 0) : 0
  const subscriptions: SubscriptionRequest[] = []
  while (cursor.at < cursor.end) subscriptions.push(readSubscription(cursor, version))
  if (subscriptions.length === 0)
    throw protocolError('sent a SUBSCRIBE without a topic filter [MQTT-3.8.3-2]')
  return { type: 'subscribe', packetId, subscriptions, identifier }
}

function readSubscription(cursor: Cursor, version: Version): SubscriptionRequest {
  const filter = readText(cursor)
  const options = readByte(cursor)
  if (options & (version === 5 ? 0xc0 : 0xfc))
    throw malformed('sent a SUBSCRIBE with reserved option bits set [MQTT-3.8.3-5]')
  const qos = options & 0x03
  // §3.8.3.1
  if (qos === 3) throw protocolError('sent a SUBSCRIBE with QoS 3')
  const retainHandling = options >> 4
  if (retainHandling === 3) throw protocolError('sent a SUBSCRIBE with retain handling 3')
  const noLocal = (options & NO_LOCAL) !== 0
  if (noLocal && filter.startsWith('$share/'))
    throw protocolError('sent a SUBSCRIBE with no local on a shared subscription [MQTT-3.8.3-4]')
  return {
    filter,
    qos: qos as Qos,
    noLocal,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: retainHandling as SubscriptionRequest['retainHandling'],
  }
}

/** UNSUBSCRIBE [§3.10]. Does not check that the filters are valid. Throws a ProtocolError. */
export function decodeUnsubscribe(cursor: Cursor, version: Version): Unsubscribe {
  const packetId = readPacketId(cursor)
  if (version === 5) readProperties(cursor)
  const filters: string[] = []
  while (cursor.at < cursor.end) filters.push(readText(cursor))
  if (filters.length === 0)
    throw protocolError('sent an UNSUBSCRIBE without a topic filter [MQTT-3.10.3-2]')
  return { type: 'unsubscribe', packetId, filters }
}
