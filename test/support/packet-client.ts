import assert from 'node:assert/strict'
import type { IConnackPacket, IConnectPacket, IPublishPacket, Packet, QoS } from 'mqtt-packet'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'
import { connectPacket, type RawMqtt, rawMqtt, type Version } from './raw-mqtt.ts'

/** A PUBLISH without its packet identifier. */
export interface Said {
  readonly topic: string
  readonly payload: string
  readonly qos: QoS
  readonly retain: boolean
  readonly dup: boolean
  readonly properties: NonNullable<IPublishPacket['properties']>
}

/** By default QoS 2, retain handling 0, and neither no local nor retain as published. */
export interface Subscription {
  readonly topic: string
  readonly qos?: QoS
  readonly nl?: boolean
  readonly rap?: boolean
  readonly rh?: 0 | 1 | 2
}

/** A raw client after its CONNACK, which waits for the answers to its packets. */
export interface PacketClient extends RawMqtt {
  readonly connack: IConnackPacket
  readonly clientId: string
  /** The next packet, which must be of this kind. */
  expect<C extends Packet['cmd']>(cmd: C): Promise<Extract<Packet, { cmd: C }>>
  /** Sends a SUBSCRIBE, and returns the reason code of each filter. */
  subscribe(
    subscriptions: string | readonly Subscription[],
    identifier?: number,
  ): Promise<readonly number[]>
  unsubscribe(...filters: string[]): Promise<readonly number[]>
  /** Sends a PUBLISH and completes its exchange; returns the reason code of its PUBACK or PUBREC, 0 for QoS 0. */
  publish(topic: string, payload: string, more?: Partial<IPublishPacket>): Promise<number>
  /** Receives the next packet, a PUBLISH, and acknowledges it. */
  receive(): Promise<Said>
  /** Receives the next packet, a PUBLISH, without an acknowledgement. */
  take(): Promise<Said & { readonly messageId: number }>
  /** Resolves when the gateway has read all packets, and has nothing more for this client. */
  ping(): Promise<void>
  /** Sends DISCONNECT and waits until the connection is closed. */
  disconnect(reasonCode?: number, sessionExpiryInterval?: number): Promise<void>
  /** Closes the connection without a DISCONNECT. */
  drop(): Promise<void>
}

export interface ConnectTerms extends Partial<Omit<IConnectPacket, 'clientId'>> {
  readonly version?: Version
}

/** Connects a client up to its CONNACK, with MQTT 5 unless `version` says otherwise. */
export async function connectClient(
  at: Pick<TestGateway, 'ports'>,
  who: Credentials,
  clientId: string,
  { version = 5, ...more }: ConnectTerms = {},
): Promise<PacketClient> {
  const client = await rawMqtt(at, who)
  client.send(connectPacket({ protocolVersion: version, clientId, ...more }))
  const connack = await client.next()
  if (connack.cmd !== 'connack' || (connack.reasonCode ?? connack.returnCode) !== 0)
    throw new Error(`refused: ${JSON.stringify(connack)}`)
  return createPacketClient(client, connack, clientId)
}

function createPacketClient(
  client: RawMqtt,
  connack: IConnackPacket,
  clientId: string,
): PacketClient {
  let lastId = 0
  const nextId = () => ++lastId
  /** Packets that came before an expected answer. */
  const skipped: Packet[] = []
  const next = async () => skipped.shift() ?? client.next()

  async function expect<C extends Packet['cmd']>(cmd: C) {
    const packet = await next()
    assert.equal(packet.cmd, cmd, JSON.stringify(packet))
    return packet as Extract<Packet, { cmd: C }>
  }

  /** Messages may come before it. */
  async function answer<C extends Packet['cmd']>(cmd: C, messageId: number) {
    for (;;) {
      const packet = await client.next()
      if (packet.cmd === cmd && packet.messageId === messageId)
        return packet as Extract<Packet, { cmd: C }>
      assert.equal(packet.cmd, 'publish', JSON.stringify(packet))
      skipped.push(packet)
    }
  }

  async function publish(
    topic: string,
    payload: string,
    more: Partial<IPublishPacket> = {},
  ): Promise<number> {
    const { qos = 0 } = more
    if (qos === 0) {
      client.send(publishPacket(topic, payload, more))
      return 0
    }
    const { messageId = nextId() } = more
    client.send(publishPacket(topic, payload, { ...more, messageId }))
    const { reasonCode = 0 } = await answer(qos === 1 ? 'puback' : 'pubrec', messageId)
    if (qos === 1 || reasonCode >= 0x80) return reasonCode
    client.send({ cmd: 'pubrel', messageId, reasonCode: 0 })
    await answer('pubcomp', messageId)
    return reasonCode
  }

  async function take() {
    const packet = await expect('publish')
    return { ...saidBy(packet), messageId: packet.messageId ?? 0 }
  }

  return {
    ...client,
    connack,
    clientId,
    next,
    expect,
    publish,
    take,
    async subscribe(wanted, identifier) {
      const subscriptions = (typeof wanted === 'string' ? [{ topic: wanted }] : wanted).map(
        ({ topic, qos = 2, nl = false, rap = false, rh = 0 }) => ({ topic, qos, nl, rap, rh }),
      )
      const properties = identifier === undefined ? {} : { subscriptionIdentifier: identifier }
      const messageId = nextId()
      client.send({ cmd: 'subscribe', messageId, subscriptions, properties })
      return (await answer('suback', messageId)).granted as number[]
    },
    async unsubscribe(...unsubscriptions) {
      const messageId = nextId()
      client.send({ cmd: 'unsubscribe', messageId, unsubscriptions })
      return (await answer('unsuback', messageId)).granted
    },
    async receive() {
      const { messageId, ...said } = await take()
      if (said.qos === 1) client.send({ cmd: 'puback', messageId, reasonCode: 0 })
      if (said.qos === 2) {
        client.send({ cmd: 'pubrec', messageId, reasonCode: 0 })
        await answer('pubrel', messageId)
        client.send({ cmd: 'pubcomp', messageId, reasonCode: 0 })
      }
      return said
    },
    async ping() {
      client.send({ cmd: 'pingreq' })
      await expect('pingresp')
    },
    async disconnect(reasonCode = 0, sessionExpiryInterval) {
      const properties = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }
      client.send({ cmd: 'disconnect', reasonCode, properties })
      await client.closed
    },
    async drop() {
      client.socket.destroy()
      await client.closed
    },
  }
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  more: Partial<IPublishPacket> = {},
): IPublishPacket {
  return { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false, ...more }
}

export function saidBy({
  topic,
  payload,
  qos,
  retain,
  dup,
  properties = {},
}: IPublishPacket): Said {
  const { userProperties, ...others } = properties
  return {
    topic,
    payload: payload.toString(),
    qos,
    retain,
    dup,
    // the user properties of mqtt-packet have no prototype
    properties: userProperties ? { ...others, userProperties: { ...userProperties } } : others,
  }
}

/** A PUBLISH of QoS 0 that is delivered without properties. */
export function plain(topic: string, payload: string, more: Partial<Said> = {}): Said {
  return { topic, payload, qos: 0, retain: false, dup: false, properties: {}, ...more }
}
