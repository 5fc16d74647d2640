import type { MessageProperties } from '../topic/message.ts'
import type { Publish, Version } from './packets.ts'
import {
  PROPERTY,
  propertyBytes,
  startPacket,
  textBytes,
  varintBytes,
  writeProperty,
  writeText,
  writeVarint,
} from './write.ts'

export interface PublishFields extends Omit<Publish, 'type'> {
  /** Of the subscriptions that the message matches; none below MQTT 5. */
  readonly subscriptionIdentifiers: readonly number[]
}

/** A PUBLISH to a client [§3.3]; below MQTT 5 without its properties, its expiry, its alias and its identifiers. */
export function publishPacket(version: Version, fields: PublishFields): Buffer {
  const { topic, payload, qos, retain, dup } = fields
  const properties = version === 5 ? propertiesBytes(fields) : 0
  const propertiesLength = version === 5 ? varintBytes(properties) : 0
  const variable = textBytes(topic) + (qos > 0 ? 2 : 0) + propertiesLength + properties
  const remaining = variable + payload.length
  const first = 0x30 | (dup ? 0x08 : 0) | (qos << 1) | (retain ? 0x01 : 0)
  const packet = startPacket(first, remaining)
  let at = writeText(packet, packet.length - remaining, topic)
  if (qos > 0) at = packet.writeUInt16BE(fields.packetId, at)
  if (version === 5) {
    at = writeVarint(packet, at, properties)
    if (properties > 0) at = writeProperties(packet, at, fields)
  }
  packet.set(payload, at)
  return packet
}

/** Gives a PUBLISH of QoS 1 or 2 another packet identifier, which follows the fixed header and the topic [§3.3.2]. */
export function setPacketId(packet: Buffer, packetId: number): void {
  let topic = 2
  while ((packet[topic - 1] as number) >= 0x80) topic += 1
  packet.writeUInt16BE(packetId, topic + 2 + packet.readUInt16BE(topic))
}

function propertiesBytes(fields: PublishFields): number {
  const { properties, messageExpiry, topicAlias, subscriptionIdentifiers } = fields
  let bytes = (messageExpiry === null ? 0 : 5) + (topicAlias === 0 ? 0 : 3)
  for (const identifier of subscriptionIdentifiers) bytes += 1 + varintBytes(identifier)
  return properties === null ? bytes : bytes + carriedBytes(properties)
}

// name by name, because every message passes here, and names in a list take several times as long
function carriedBytes(carried: MessageProperties): number {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } =
    carried
  return (
    propertyBytes(PROPERTY.payloadFormatIndicator, payloadFormatIndicator) +
    propertyBytes(PROPERTY.contentType, contentType) +
    propertyBytes(PROPERTY.responseTopic, responseTopic) +
    propertyBytes(PROPERTY.correlationData, correlationData) +
    propertyBytes(PROPERTY.userProperties, userProperties)
  )
}

function writeProperties(packet: Buffer, start: number, fields: PublishFields): number {
  const { properties, messageExpiry, topicAlias, subscriptionIdentifiers } = fields
  let at = start
  if (messageExpiry !== null) at = writeProperty(packet, at, PROPERTY.messageExpiry, messageExpiry)
  if (topicAlias !== 0) at = writeProperty(packet, at, PROPERTY.topicAlias, topicAlias)
  for (const identifier of subscriptionIdentifiers)
    at = writeProperty(packet, at, PROPERTY.subscriptionIdentifier, identifier)
  return properties === null ? at : writeCarried(packet, at, properties)
}

function writeCarried(packet: Buffer, start: number, carried: MessageProperties): number {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } =
    carried
  let at = writeProperty(packet, start, PROPERTY.payloadFormatIndicator, payloadFormatIndicator)
  at = writeProperty(packet, at, PROPERTY.contentType, contentType)
  at = writeProperty(packet, at, PROPERTY.responseTopic, responseTopic)
  at = writeProperty(packet, at, PROPERTY.correlationData, correlationData)
  return writeProperty(packet, at, PROPERTY.userProperties, userProperties)
}
