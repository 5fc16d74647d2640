import type { MessageProperties, Qos, UserProperty } from '../topic/message.ts'

/** 3 is MQTT 3.1, 4 is MQTT 3.1.1, 5 is MQTT 5. */
export type Version = 3 | 4 | 5

export interface ConnectWill {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly properties: MessageProperties | null
  /** Seconds after its publication; null for never. */
  readonly messageExpiry: number | null
  /** Seconds from the end of the connection to its publication. */
  readonly delay: number
}

export interface Connect {
  readonly type: 'connect'
  readonly version: Version
  /** Whether a Mosquitto bridge asks (bit 7 of the protocol level): it wants RETAIN as published, and not its own messages. */
  readonly bridge: boolean
  readonly cleanStart: boolean
  /** Seconds; 0 for none. */
  readonly keepAlive: number
  readonly clientId: string
  readonly will: ConnectWill | null
  /** Seconds that the session outlives its connection; null where CONNECT says nothing of it (always null below 5). */
  readonly sessionExpiry: number | null
  readonly receiveMaximum: number
  /** Bytes of the largest packet that the client takes; Infinity where it does not say. */
  readonly maximumPacketSize: number
  readonly topicAliasMaximum: number
  readonly requestResponseInformation: boolean
  readonly requestProblemInformation: boolean
  readonly authenticationMethod: string | null
}

export interface Publish {
  readonly type: 'publish'
  /** Empty where an alias stands for it. */
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  readonly dup: boolean
  /** 0 for QoS 0. */
  readonly packetId: number
  readonly properties: MessageProperties | null
  /** Seconds; null for never. */
  readonly messageExpiry: number | null
  /** 0 for none. */
  readonly topicAlias: number
}

export interface Acknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'
  readonly packetId: number
  /** Below 5 always 0. */
  readonly reason: number
}

/** One filter of a SUBSCRIBE with its options [§3.8.3.1]; below MQTT 5 the options have the defaults. */
export interface SubscriptionRequest {
  readonly filter: string
  readonly qos: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
}

export interface Subscribe {
  readonly type: 'subscribe'
  readonly packetId: number
  readonly subscriptions: readonly SubscriptionRequest[]
  /** 0 for none. */
  readonly identifier: number
}

export interface Unsubscribe {
  readonly type: 'unsubscribe'
  readonly packetId: number
  readonly filters: readonly string[]
}

/** Below MQTT 5 the reason is 0. */
export interface Disconnect {
  readonly type: 'disconnect'
  readonly reason: number
  /** Null where the packet does not have it. */
  readonly sessionExpiry: number | null
}

export interface Pingreq {
  readonly type: 'pingreq'
}

export interface Auth {
  readonly type: 'auth'
  readonly reason: number
}

/** What a client may send. */
export type ClientPacket =
  | Connect
  | Publish
  | Acknowledgement
  | Subscribe
  | Unsubscribe
  | Pingreq
  | Disconnect
  | Auth

/** What CONNACK tells an MQTT 5 client of the terms it got; what is left out has MQTT's default. */
export interface ConnackProperties {
  readonly sessionExpiry?: number
  readonly receiveMaximum?: number
  readonly maximumQos?: 0 | 1
  readonly retainAvailable?: boolean
  readonly maximumPacketSize?: number
  readonly assignedClientId?: string
  readonly topicAliasMaximum?: number
  readonly reasonString?: string
  readonly userProperties?: readonly UserProperty[]
  readonly wildcardAvailable?: boolean
  readonly subscriptionIdentifiersAvailable?: boolean
  readonly sharedAvailable?: boolean
  readonly serverKeepAlive?: number
  readonly responseInformation?: string
}
