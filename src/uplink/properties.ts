import type { IPublishPacket } from 'mqtt'
import type { MessageProperties, UserProperty } from '../topic/message.ts'
import type { PublishOptions } from './publisher.ts'

type PacketProperties = NonNullable<IPublishPacket['properties']>

/** The properties as mqtt.js sends them. It puts user properties of one name together, and so may change their order. */
export function toPacketProperties({
  properties,
  messageExpiry,
}: Pick<PublishOptions, 'properties' | 'messageExpiry'>): PacketProperties {
  const { payloadFormatIndicator, userProperties, ...rest } = properties ?? {}
  const packet: PacketProperties = rest
  if (messageExpiry !== null) packet.messageExpiryInterval = messageExpiry
  if (payloadFormatIndicator !== undefined)
    packet.payloadFormatIndicator = payloadFormatIndicator === 1
  if (userProperties !== undefined) {
    const byName = [...Map.groupBy(userProperties, ([name]) => name)]
    packet.userProperties = Object.fromEntries(
      byName.map(([name, pairs]) => [name, pairs.map(([, value]) => value)]),
    )
  }
  return packet
}

/** The properties that mqtt.js received; null where there are none. */
export function fromPacketProperties(packet: PacketProperties = {}): MessageProperties | null {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = packet
  const pairs = Object.entries(packet.userProperties ?? {}).flatMap(([name, values]) =>
    [values].flat().map((value): UserProperty => [name, value]),
  )
  const properties: MessageProperties = {
    ...(payloadFormatIndicator === undefined
      ? {}
      : { payloadFormatIndicator: payloadFormatIndicator ? 1 : 0 }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(pairs.length === 0 ? {} : { userProperties: pairs }),
  }
  return Object.keys(properties).length === 0 ? null : properties
}
