import fc, { type Arbitrary } from 'fast-check'
import type {
  Acknowledgement,
  Auth,
  ClientPacket,
  Connect,
  ConnectWill,
  Disconnect,
  Publish,
  Subscribe,
  SubscriptionRequest,
  Unsubscribe,
  Version,
} from '../../src/mqtt/packets.ts'
import type { MessageProperties, Qos, UserProperty } from '../../src/topic/message.ts'

/** `fc.record` with plain objects. */
function record<Value>(model: { [Key in keyof Value]: Arbitrary<Value[Key]> }): Arbitrary<Value> {
  return fc.record<Value>(model, { noNullPrototype: true })
}

/** Any text that MQTT takes. */
export const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((any) => any.replaceAll('\0', ''))
const topic = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .map((any) => any.replaceAll(/[+#\0]/g, '/'))
const filter = fc.oneof(topic, fc.constantFrom('#', '+/a', '$share/group/a/#'))
export const data = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
const qos = fc.constantFrom<Qos>(0, 1, 2)
export const packetId = fc.integer({ min: 1, max: 0xffff })
const uint16 = fc.nat(0xffff)
export const uint32 = fc.oneof(fc.nat(100), fc.integer({ min: 0, max: 0xffff_ffff }))

/** User properties without names that are numbers, which mqtt-packet would write first. */
export const userProperties: Arbitrary<UserProperty[]> = fc
  .uniqueArray(
    fc.tuple(
      text.filter((name) => !/^\d+$/.test(name)),
      fc.array(text, { minLength: 1, maxLength: 3 }),
    ),
    { selector: ([name]) => name, minLength: 1, maxLength: 4 },
  )
  .map((groups) =>
    groups.flatMap(([name, values]) => values.map((value) => [name, value] as const)),
  )

/** Properties of a message; null where there are none, and always below MQTT 5. */
export function messageProperties(version: Version): Arbitrary<MessageProperties | null> {
  if (version < 5) return fc.constant(null)
  return fc
    .record(
      {
        payloadFormatIndicator: fc.constantFrom<0 | 1>(0, 1),
        contentType: text,
        responseTopic: topic,
        correlationData: data,
        userProperties,
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    .map((properties) => (Object.keys(properties).length === 0 ? null : properties))
}

/** `arbitrary` in MQTT 5, `absent` below. */
function from5<Value>(version: Version, arbitrary: Arbitrary<Value>, absent: Value) {
  return version === 5 ? fc.option(arbitrary, { nil: absent }) : fc.constant(absent)
}

function will(version: Version): Arbitrary<ConnectWill> {
  return record({
    topic,
    payload: data,
    qos,
    retain: fc.boolean(),
    properties: messageProperties(version),
    messageExpiry: from5<number | null>(version, uint32, null),
    delay: from5(version, uint32, 0),
  })
}

function connect(version: Version): Arbitrary<Connect> {
  return record<Connect>({
    type: fc.constant('connect'),
    version: fc.constant(version),
    bridge: version === 5 ? fc.constant(false) : fc.boolean(),
    cleanStart: fc.boolean(),
    keepAlive: uint16,
    // mqtt-packet does not write an empty client id without clean start
    clientId: text.map((id) => id || 'client'),
    will: fc.option(will(version)),
    sessionExpiry: from5<number | null>(version, uint32, null),
    receiveMaximum: from5(version, packetId, 65_535),
    maximumPacketSize: from5(version, fc.integer({ min: 1, max: 0xffff_ffff }), Infinity),
    topicAliasMaximum: from5(version, uint16, 0),
    requestResponseInformation: from5(version, fc.boolean(), false),
    requestProblemInformation: from5(version, fc.boolean(), true),
    authenticationMethod: from5<string | null>(version, text, null),
  })
}

export function publish(version: Version): Arbitrary<Publish> {
  return record<Publish & { aliased: boolean }>({
    type: fc.constant('publish'),
    topic,
    payload: data,
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    packetId,
    properties: messageProperties(version),
    messageExpiry: from5<number | null>(version, uint32, null),
    topicAlias: from5(version, packetId, 0),
    aliased: fc.boolean(),
  }).map(({ aliased, ...packet }) => ({
    ...packet,
    topic: aliased && packet.topicAlias > 0 ? '' : packet.topic,
    dup: packet.dup && packet.qos > 0,
    packetId: packet.qos > 0 ? packet.packetId : 0,
  }))
}

function acknowledgement(version: Version): Arbitrary<Acknowledgement> {
  const taken = fc.constantFrom(0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
  const released = fc.constantFrom(0, 0x92)
  const none = fc.constant(0)
  return fc.oneof(
    record({
      type: fc.constantFrom('puback', 'pubrec'),
      packetId,
      reason: version === 5 ? taken : none,
    }),
    record({
      type: fc.constantFrom('pubrel', 'pubcomp'),
      packetId,
      reason: version === 5 ? released : none,
    }),
  )
}

function subscribe(version: Version): Arbitrary<Subscribe> {
  const subscription: Arbitrary<SubscriptionRequest> = record({
    filter,
    qos,
    noLocal: from5(version, fc.boolean(), false),
    retainAsPublished: from5(version, fc.boolean(), false),
    retainHandling: from5<0 | 1 | 2>(version, fc.constantFrom(0, 1, 2), 0),
  }).map((one) => ({ ...one, noLocal: one.noLocal && !one.filter.startsWith('$share/') }))
  return record({
    type: fc.constant('subscribe'),
    packetId,
    subscriptions: fc.array(subscription, { minLength: 1, maxLength: 5 }),
    identifier: from5(version, fc.integer({ min: 1, max: 268_435_455 }), 0),
  })
}

function unsubscribe(): Arbitrary<Unsubscribe> {
  return record({
    type: fc.constant('unsubscribe'),
    packetId,
    filters: fc.array(filter, { minLength: 1, maxLength: 5 }),
  })
}

function disconnect(version: Version): Arbitrary<Disconnect> {
  return record({
    type: fc.constant('disconnect'),
    reason: from5(version, fc.constantFrom(0, 4, 0x81, 0x82, 0x93, 0x99), 0),
    sessionExpiry: from5<number | null>(version, uint32, null),
  })
}

const auth: Arbitrary<Auth> = record({
  type: fc.constant('auth'),
  reason: fc.constantFrom(0, 0x18, 0x19),
})

/** Every packet that a client of this version may send. */
export function clientPacket(version: Version): Arbitrary<ClientPacket> {
  return fc.oneof(
    connect(version),
    publish(version),
    acknowledgement(version),
    subscribe(version),
    unsubscribe(),
    fc.constant<ClientPacket>({ type: 'pingreq' }),
    disconnect(version),
    ...(version === 5 ? [auth] : []),
  )
}
