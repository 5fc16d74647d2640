import type { MessageProperties, UserProperty } from '../topic/message.ts'
import { hasWildcard } from '../topic/topic.ts'
import {
  type Cursor,
  malformed,
  protocolError,
  readBinary,
  readByte,
  readText,
  readUint16,
  readUint32,
  readVarint,
  sent,
} from './cursor.ts'
import { rememberBytes } from './passed-properties.ts'
import { PROPERTIES, type Properties, type Property } from './property-table.ts'
import { ProtocolError } from './reasons.ts'

const NONE: Properties = Object.freeze({})

type ById = readonly (Property | undefined)[]

/** The properties that each packet may have. */
const ALLOWED: Readonly<Record<string, ById>> = byPacket()

function byPacket(): Record<string, ById> {
  const allowed: Record<string, (Property | undefined)[]> = {}
  for (const property of PROPERTIES)
    for (const packet of property.packets) {
      allowed[packet] ??= []
      allowed[packet][property.id] = property
    }
  return allowed
}

/** Reads the properties of what a client sent: a packet, or the will inside a CONNECT. */
export function readProperties(cursor: Cursor, packet = cursor.packet): Properties {
  const length = readVarint(cursor)
  if (length === 0) return NONE
  const { end } = cursor
  if (length > end - cursor.at)
    throw malformed(`${sent(cursor.packet)} whose properties are longer than the packet`)
  cursor.end = cursor.at + length
  const properties: Properties = {}
  const allowed = ALLOWED[packet] ?? []
  while (cursor.at < cursor.end) readProperty(cursor, packet, allowed, properties)
  cursor.end = end
  return properties
}

function readProperty(cursor: Cursor, packet: string, allowed: ById, properties: Properties): void {
  const start = cursor.at
  const id = readVarint(cursor)
  const property = allowed[id]
  // an identifier that the packet does not have makes it malformed [§2.2.2.2]
  if (!property) throw malformed(`${sent(packet)} with property ${id}, which is not allowed there`)
  if (property.type === 'pair') {
    const pair: UserProperty = [readText(cursor), readText(cursor)]
    if (properties.userProperties) properties.userProperties.push(pair)
    else properties.userProperties = [pair]
    rememberBytes(properties.userProperties, cursor.bytes, start, cursor.at)
    return
  }
  const { name } = property
  if (properties[name] !== undefined) throw protocolError(`${sent(packet)} with ${name} twice`)
  if (name === 'subscriptionIdentifier' && packet === 'PUBLISH')
    throw protocolError('sent a PUBLISH with a subscription identifier [MQTT-3.3.4-6]')
  const value = readValue(cursor, property, packet)
  if (value === 0 && property.zero !== null)
    throw new ProtocolError(property.zero, `${sent(packet)} with ${name} 0`)
  properties[name] = value as never
}

function readValue(cursor: Cursor, { name, type }: Property, packet: string): unknown {
  switch (type) {
    case 'bit': {
      const bit = readByte(cursor)
      if (bit > 1) throw protocolError(`${sent(packet)} with ${name} ${bit}`)
      return bit
    }
    case 'uint16':
      return readUint16(cursor)
    case 'uint32':
      return readUint32(cursor)
    case 'varint':
      return readVarint(cursor)
    case 'binary':
      return readBinary(cursor)
    case 'topic': {
      const topic = readText(cursor)
      // [MQTT-3.3.2-14], [MQTT-4.7.3-1]
      if (topic === '' || hasWildcard(topic))
        throw protocolError(`${sent(packet)} with a ${name} that is not a topic name`)
      return topic
    }
    default:
      return readText(cursor)
  }
}

/** What travels on with a message; null where there is nothing. */
export function toMessageProperties(properties: Properties): MessageProperties | null {
  if (properties === NONE) return null
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } =
    properties
  const message: { -readonly [Name in keyof MessageProperties]: MessageProperties[Name] } = {}
  let any = false
  if (payloadFormatIndicator !== undefined) {
    message.payloadFormatIndicator = payloadFormatIndicator
    any = true
  }
  if (contentType !== undefined) {
    message.contentType = contentType
    any = true
  }
  if (responseTopic !== undefined) {
    message.responseTopic = responseTopic
    any = true
  }
  if (correlationData !== undefined) {
    message.correlationData = correlationData
    any = true
  }
  if (userProperties !== undefined) {
    message.userProperties = userProperties
    any = true
  }
  return any ? message : null
}
