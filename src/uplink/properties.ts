import type { IPublishPacket } from 'mqtt'
import type { MessageProperties, UserProperty } from '../topic/message.ts'

type PacketProperties = NonNullable<IPublishPacket['properties']>

/** What MQTT 5 says about a message besides its topic and flags. */
interface PropertiesAndExpiry {
  readonly properties: MessageProperties | null
  /** Seconds; null for none. */
  readonly messageExpiry: number | null
}

/** The properties as mqtt.js sends them. */
export function toPacketProperties({
  properties,
  messageExpiry,
}: PropertiesAndExpiry): PacketProperties {
  const { payloadFormatIndicator, userProperties, ...rest } = properties ?? {}
  const packet: PacketProperties = rest
  if (messageExpiry !== null) packet.messageExpiryInterval = messageExpiry
  if (payloadFormatIndicator !== undefined)
    packet.payloadFormatIndicator = payloadFormatIndicator === 1
  // one object for each keeps their order, which an object for all of them would not
  if (userProperties !== undefined)
    packet.userProperties = userProperties.map(([name, value]) => ({
      [name]: value,
    })) as unknown as NonNullable<PacketProperties['userProperties']>
  return packet
}

/**
 * The properties that mqtt.js received, which has put user properties of one name together; null where there are none. It hands
 * on what no broker may send, a property twice or cut off, as lists and null: such a property is left out.
 */
export function fromPacketProperties(packet: PacketProperties = {}): MessageProperties | null {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData } = packet
  const pairs = Object.entries(packet.userProperties ?? {}).flatMap(([name, values]) =>
    [values].flat().flatMap((value): UserProperty[] => (isText(value) ? [[name, value]] : [])),
  )
  const properties: MessageProperties = {
    ...(typeof payloadFormatIndicator === 'boolean'
      ? { payloadFormatIndicator: payloadFormatIndicator ? 1 : 0 }
      : {}),
    ...(isText(contentType) ? { contentType } : {}),
    ...(isText(responseTopic) ? { responseTopic } : {}),
    ...(Buffer.isBuffer(correlationData) ? { correlationData } : {}),
    ...(pairs.length === 0 ? {} : { userProperties: pairs }),
  }
  return Object.keys(properties).length === 0 ? null : properties
}

/** Seconds until nobody is to get the message any more; null where it does not say so. */
export function expiryIn({ messageExpiryInterval: seconds }: PacketProperties = {}): number | null {
  return typeof seconds === 'number' && seconds >= 0 ? seconds : null
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
