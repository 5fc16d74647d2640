import type { UserProperty } from '../topic/message.ts'
import { Reason } from './reasons.ts'

/** The values of a packet's properties; what is left out has MQTT's default. */
export interface Properties {
  payloadFormatIndicator?: 0 | 1
  messageExpiry?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Buffer
  subscriptionIdentifier?: number
  sessionExpiry?: number
  assignedClientId?: string
  serverKeepAlive?: number
  authenticationMethod?: string
  authenticationData?: Buffer
  requestProblemInformation?: 0 | 1
  willDelay?: number
  requestResponseInformation?: 0 | 1
  responseInformation?: string
  serverReference?: string
  reasonString?: string
  receiveMaximum?: number
  topicAliasMaximum?: number
  topicAlias?: number
  maximumQos?: 0 | 1
  retainAvailable?: 0 | 1
  userProperties?: UserProperty[]
  maximumPacketSize?: number
  wildcardAvailable?: 0 | 1
  subscriptionIdentifiersAvailable?: 0 | 1
  sharedAvailable?: 0 | 1
}

export type PropertyName = keyof Properties

/** Data types [§1.5]; `bit` is a byte that is 0 or 1, `pair` may repeat. */
export type PropertyType =
  | 'bit'
  | 'uint16'
  | 'uint32'
  | 'varint'
  | 'text'
  | 'topic'
  | 'binary'
  | 'pair'

export interface Property {
  readonly id: number
  readonly name: PropertyName
  readonly type: PropertyType
  /** The packets in which it may stand. */
  readonly packets: readonly string[]
  /** The reason to refuse the value 0, where it is not allowed. */
  readonly zero: number | null
}

const MESSAGE = ['PUBLISH', 'will']
const TERMS = ['CONNECT', 'CONNACK']
const ANSWERS = ['CONNACK', 'PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP', 'SUBACK', 'UNSUBACK']
const EXPLAINED = [...ANSWERS, 'DISCONNECT', 'AUTH']
const ANY = [...EXPLAINED, 'CONNECT', 'PUBLISH', 'will', 'SUBSCRIBE', 'UNSUBSCRIBE']

/** The properties of MQTT 5 [§2.2.2.2, table 2-4]. */
export const PROPERTIES: readonly Property[] = [
  row(0x01, 'payloadFormatIndicator', 'bit', MESSAGE),
  row(0x02, 'messageExpiry', 'uint32', MESSAGE),
  row(0x03, 'contentType', 'text', MESSAGE),
  row(0x08, 'responseTopic', 'topic', MESSAGE),
  row(0x09, 'correlationData', 'binary', MESSAGE),
  row(0x0b, 'subscriptionIdentifier', 'varint', ['PUBLISH', 'SUBSCRIBE'], Reason.protocolError),
  row(0x11, 'sessionExpiry', 'uint32', [...TERMS, 'DISCONNECT']),
  row(0x12, 'assignedClientId', 'text', ['CONNACK']),
  row(0x13, 'serverKeepAlive', 'uint16', ['CONNACK']),
  row(0x15, 'authenticationMethod', 'text', [...TERMS, 'AUTH']),
  row(0x16, 'authenticationData', 'binary', [...TERMS, 'AUTH']),
  row(0x17, 'requestProblemInformation', 'bit', ['CONNECT']),
  row(0x18, 'willDelay', 'uint32', ['will']),
  row(0x19, 'requestResponseInformation', 'bit', ['CONNECT']),
  row(0x1a, 'responseInformation', 'text', ['CONNACK']),
  row(0x1c, 'serverReference', 'text', ['CONNACK', 'DISCONNECT']),
  row(0x1f, 'reasonString', 'text', EXPLAINED),
  row(0x21, 'receiveMaximum', 'uint16', TERMS, Reason.protocolError),
  row(0x22, 'topicAliasMaximum', 'uint16', TERMS),
  // the reason code that §3.14.2.1 has for aliases, which Paho's suite expects too
  row(0x23, 'topicAlias', 'uint16', ['PUBLISH'], Reason.topicAliasInvalid),
  row(0x24, 'maximumQos', 'bit', ['CONNACK']),
  row(0x25, 'retainAvailable', 'bit', ['CONNACK']),
  row(0x26, 'userProperties', 'pair', ANY),
  row(0x27, 'maximumPacketSize', 'uint32', TERMS, Reason.protocolError),
  row(0x28, 'wildcardAvailable', 'bit', ['CONNACK']),
  row(0x29, 'subscriptionIdentifiersAvailable', 'bit', ['CONNACK']),
  row(0x2a, 'sharedAvailable', 'bit', ['CONNACK']),
]

function row(
  id: number,
  name: PropertyName,
  type: PropertyType,
  packets: readonly string[],
  zero: number | null = null,
): Property {
  return { id, name, type, packets, zero }
}
