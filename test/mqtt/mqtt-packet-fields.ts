import assert from 'node:assert/strict'
import type { IConnectPacket, Packet } from 'mqtt-packet'
import type { ClientPacket, ConnectWill, Publish } from '../../src/mqtt/packets.ts'
import { asKept } from './mqtt-packet.ts'

type Fields = Record<string, unknown>

/** The gateway's fields, with user properties as mqtt-packet keeps them: it loses their order and some empty ones. */
export function ourFields(packet: ClientPacket): Fields {
  if (packet.type === 'publish') return { ...packet, properties: keptProperties(packet) }
  if (packet.type !== 'connect') return { ...packet }
  const { will } = packet
  return { ...packet, will: will && { ...will, properties: keptProperties(will) } }
}

function keptProperties({ properties }: Publish | ConnectWill): Fields | null {
  if (!properties?.userProperties) return properties && { ...properties }
  return { ...properties, userProperties: asKept(properties.userProperties) }
}

/** What mqtt-packet read, as fields of the gateway. */
export function theirFields(packet: Packet, ours: ClientPacket): Fields {
  const properties: Fields = 'properties' in packet ? { ...packet.properties } : {}
  switch (packet.cmd) {
    case 'connect':
      return connectFields(packet, properties)
    case 'publish':
      return {
        type: packet.cmd,
        topic: packet.topic,
        payload: packet.payload,
        qos: packet.qos,
        retain: packet.retain,
        dup: packet.dup,
        packetId: packet.messageId ?? 0,
        properties: carriedBy(properties),
        messageExpiry: properties.messageExpiryInterval ?? null,
        topicAlias: properties.topicAlias ?? 0,
      }
    case 'subscribe':
      return {
        type: packet.cmd,
        packetId: packet.messageId,
        subscriptions: packet.subscriptions.map(({ topic, qos, nl, rap, rh }) => ({
          filter: topic,
          qos,
          noLocal: nl ?? false,
          retainAsPublished: rap ?? false,
          retainHandling: rh ?? 0,
        })),
        identifier: properties.subscriptionIdentifier ?? 0,
      }
    case 'unsubscribe':
      return { type: packet.cmd, packetId: packet.messageId, filters: packet.unsubscriptions }
    case 'disconnect':
      return {
        type: packet.cmd,
        reason: packet.reasonCode ?? 0,
        sessionExpiry: properties.sessionExpiryInterval ?? null,
      }
    case 'auth':
      return { type: packet.cmd, reason: packet.reasonCode }
    case 'pingreq':
      return { type: packet.cmd }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return { type: packet.cmd, packetId: packet.messageId, reason: packet.reasonCode ?? 0 }
    default:
      return assert.fail(`${packet.cmd} for ${ours.type}`)
  }
}

function connectFields(packet: IConnectPacket, properties: Fields): Fields {
  const { will } = packet
  const its: Fields = { ...will?.properties }
  return {
    type: packet.cmd,
    version: packet.protocolVersion,
    bridge: 'bridgeMode' in packet && packet.bridgeMode === true,
    cleanStart: packet.clean,
    keepAlive: packet.keepalive,
    clientId: packet.clientId,
    will: will
      ? {
          topic: will.topic,
          payload: will.payload,
          qos: will.qos,
          retain: will.retain,
          properties: carriedBy(its),
          messageExpiry: its.messageExpiryInterval ?? null,
          delay: its.willDelayInterval ?? 0,
        }
      : null,
    sessionExpiry: properties.sessionExpiryInterval ?? null,
    receiveMaximum: properties.receiveMaximum ?? 65_535,
    maximumPacketSize: properties.maximumPacketSize ?? Infinity,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    requestResponseInformation: properties.requestResponseInformation ?? false,
    requestProblemInformation: properties.requestProblemInformation ?? true,
    authenticationMethod: properties.authenticationMethod ?? null,
  }
}

/** The properties that are carried with a message, or null without any. */
function carriedBy(properties: Fields): Fields | null {
  const { payloadFormatIndicator } = properties
  const carried = Object.entries({
    ...properties,
    payloadFormatIndicator:
      payloadFormatIndicator === undefined ? undefined : Number(payloadFormatIndicator),
  }).filter(([name, value]) => CARRIED.includes(name) && value !== undefined)
  return carried.length > 0 ? Object.fromEntries(carried) : null
}

const CARRIED = [
  'payloadFormatIndicator',
  'contentType',
  'responseTopic',
  'correlationData',
  'userProperties',
]
