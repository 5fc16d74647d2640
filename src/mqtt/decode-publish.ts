import type { MessageProperties, Qos } from '../topic/message.ts'
import { hasWildcard } from '../topic/topic.ts'
import { type Cursor, malformed, protocolError, readPacketId, readText } from './cursor.ts'
import type { Publish, Version } from './packets.ts'
import { readProperties, toMessageProperties } from './properties.ts'
import { ProtocolError, Reason } from './reasons.ts'

/** PUBLISH [§3.3]; `firstByte` has its flags. Does not resolve aliases. Throws a ProtocolError. */
export function decodePublish(cursor: Cursor, firstByte: number, version: Version): Publish {
  const qos = (firstByte >> 1) & 0x03
  const dup = (firstByte & 0x08) !== 0
  if (qos === 3) throw malformed('sent a PUBLISH with QoS 3 [MQTT-3.3.1-4]')
  if (dup && qos === 0) throw malformed('sent a PUBLISH with DUP and QoS 0 [MQTT-3.3.1-2]')
  const topic = readText(cursor)
  if (hasWildcard(topic))
    throw new ProtocolError(
      version === 5 ? Reason.topicNameInvalid : Reason.malformedPacket,
      'sent a PUBLISH with a wildcard in its topic [MQTT-3.3.2-2]',
    )
  const packetId = qos > 0 ? readPacketId(cursor) : 0
  let properties: MessageProperties | null = null
  let messageExpiry: number | null = null
  let topicAlias = 0
  if (version === 5) {
    const read = readProperties(cursor)
    properties = toMessageProperties(read)
    messageExpiry = read.messageExpiry ?? null
    topicAlias = read.topicAlias ?? 0
  }
  if (topic === '' && topicAlias === 0) throw withoutTopic(version)
  return {
    type: 'publish',
    topic,
    payload: cursor.bytes.subarray(cursor.at),
    qos: qos as Qos,
    retain: (firstByte & 0x01) !== 0,
    dup,
    packetId,
    properties,
    messageExpiry,
    topicAlias,
  }
}

function withoutTopic(version: Version): ProtocolError {
  // §3.3.2.1; below MQTT 5 there are no aliases
  return version === 5
    ? protocolError('sent a PUBLISH with neither a topic nor an alias')
    : malformed('sent a PUBLISH without a topic [MQTT-4.7.3-1]')
}
