import mqttPacket, { type Packet } from 'mqtt-packet'
import type { ClientPacket, ConnectWill, Publish, Version } from '../../src/mqtt/packets.ts'
import type { UserProperty } from '../../src/topic/message.ts'

type Fields = Record<string, unknown>

/** User properties as mqtt-packet returns them: without their order and some empty ones. */
export function asKept(pairs: readonly UserProperty[]): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of pairs) {
    const before = kept[name]
    if (!before) kept[name] = value
    else if (Array.isArray(before)) before.push(value)
    else kept[name] = [before, value]
  }
  return kept
}

/** User properties as mqtt-packet takes them, grouped by name. */
function grouped(pairs: readonly UserProperty[] | undefined): Fields {
  if (pairs === undefined) return {}
  const groups = Object.groupBy(pairs, ([name]) => name)
  const values = Object.entries(groups).map(([name, group = []]) => [
    name,
    group.map(([, value]) => value),
  ])
  return { userProperties: Object.fromEntries(values) }
}

/** Leaves out default values, as a client does. */
function stated(values: Fields, defaults: Fields): Fields {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => value !== (defaults[name] ?? null)),
  )
}

function carried({ properties, messageExpiry }: Publish | ConnectWill): Fields {
  const { payloadFormatIndicator, userProperties, ...rest } = properties ?? {}
  return {
    ...rest,
    ...(payloadFormatIndicator !== undefined && {
      payloadFormatIndicator: payloadFormatIndicator === 1,
    }),
    ...grouped(userProperties),
    ...stated({ messageExpiryInterval: messageExpiry }, {}),
  }
}

/** The bytes that mqtt-packet writes for `packet`. */
export function generate(packet: ClientPacket, version: Version): Buffer {
  const fields = { cmd: packet.type, ...fieldsOf(packet) }
  return mqttPacket.generate(fields as unknown as Packet, { protocolVersion: version })
}

function fieldsOf(packet: ClientPacket): Fields {
  switch (packet.type) {
    case 'connect': {
      const { will } = packet
      return {
        protocolId: packet.version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: packet.version,
        bridgeMode: packet.bridge,
        clean: packet.cleanStart,
        keepalive: packet.keepAlive,
        clientId: packet.clientId,
        username: 'user',
        password: Buffer.from([0, 0xff]),
        will: will && {
          ...will,
          properties: {
            ...carried(will),
            ...stated({ willDelayInterval: will.delay }, { willDelayInterval: 0 }),
          },
        },
        properties: stated(
          {
            sessionExpiryInterval: packet.sessionExpiry,
            receiveMaximum: packet.receiveMaximum,
            maximumPacketSize: packet.maximumPacketSize,
            topicAliasMaximum: packet.topicAliasMaximum,
            requestResponseInformation: packet.requestResponseInformation,
            requestProblemInformation: packet.requestProblemInformation,
            authenticationMethod: packet.authenticationMethod,
          },
          { receiveMaximum: 65_535, maximumPacketSize: Infinity, requestProblemInformation: true },
        ),
      }
    }
    case 'publish':
      return {
        ...packet,
        messageId: packet.packetId,
        properties: {
          ...carried(packet),
          ...stated({ topicAlias: packet.topicAlias }, { topicAlias: 0 }),
        },
      }
    case 'subscribe':
      return {
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map((one) => ({
          topic: one.filter,
          qos: one.qos,
          nl: one.noLocal,
          rap: one.retainAsPublished,
          rh: one.retainHandling,
        })),
        properties: stated(
          { subscriptionIdentifier: packet.identifier },
          { subscriptionIdentifier: 0 },
        ),
      }
    case 'unsubscribe':
      return { messageId: packet.packetId, unsubscriptions: packet.filters }
    case 'disconnect':
      return {
        reasonCode: packet.reason,
        properties: stated({ sessionExpiryInterval: packet.sessionExpiry }, {}),
      }
    case 'auth':
      return { reasonCode: packet.reason, properties: { authenticationMethod: 'SCRAM' } }
    case 'pingreq':
      return {}
    default:
      return { messageId: packet.packetId, reasonCode: packet.reason }
  }
}

/** The packet that mqtt-packet reads, or null where it refuses. */
export function parse(bytes: Buffer, version: Version): Packet | null {
  let found: Packet | null = null
  let failed = false
  const parser = mqttPacket.parser({ protocolVersion: version })
  parser.on('packet', (packet) => {
    found = packet
  })
  parser.on('error', () => {
    failed = true
  })
  try {
    parser.parse(bytes)
  } catch {
    // it throws a RangeError where a number is cut short
    return null
  }
  return failed ? null : found
}
