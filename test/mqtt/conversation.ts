import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { connectPacket } from '../support/raw-mqtt.ts'
import type { Channel, Pace } from './channel.ts'
import type { Divide } from './divide.ts'

export interface Sent {
  readonly qos: 0 | 1 | 2
  /** Different for each message of a conversation. */
  readonly payload: string | Buffer
}

export interface Conversation {
  readonly topic: string
  readonly session: 'clean' | 'persistent'
  /** The answer to wait for before the rest is sent, or null to send everything at once. */
  readonly waitsFor: 'connack' | 'suback' | null
  readonly messages: readonly Sent[]
  readonly divide: Divide
  readonly pace: Pace
}

const SUBSCRIBE_ID = 99

/** CONNECT, SUBSCRIBE, a PUBLISH for each message, PINGREQ. */
export function opening({
  topic,
  session,
  messages,
}: Pick<Conversation, 'topic' | 'session' | 'messages'>): Buffer[] {
  const clean = session === 'clean'
  return toBytes(
    connectPacket({ clean, clientId: clean ? '' : topic }),
    { cmd: 'subscribe', messageId: SUBSCRIBE_ID, subscriptions: [{ topic, qos: 1 }] },
    ...messages.map(
      ({ qos, payload }, index): Packet => ({
        cmd: 'publish',
        topic,
        qos,
        payload,
        dup: false,
        retain: false,
        ...(qos > 0 ? { messageId: index + 1 } : {}),
      }),
    ),
    { cmd: 'pingreq' },
  )
}

/** Asserts that every packet is answered in order, and every message delivered back once. */
export async function converse(channel: Channel, conversation: Conversation): Promise<void> {
  const { waitsFor, messages, divide, pace } = conversation
  const numbered = messages.map((message, index) => ({ ...message, messageId: index + 1 }))
  const sent = (qos: number) => numbered.filter((message) => message.qos === qos)
  const ids = (qos: number) => sent(qos).map(({ messageId }) => messageId)

  const packets = opening(conversation)
  const alone = { connack: 1, suback: 2 }
  if (waitsFor) {
    await channel.send(divide(packets.splice(0, alone[waitsFor])), pace)
    await channel.answers(alone[waitsFor])
  }
  await channel.send(divide(packets), pace)
  // CONNACK, SUBACK, PINGRESP, PUBACKs, PUBRECs and deliveries; those of QoS 2 may come after PUBREL
  const due = 3 + sent(0).length + 2 * sent(1).length + sent(2).length
  const delivered = (await channel.answers(due)).filter(({ cmd }) => cmd === 'publish')
  const closing = toBytes(
    ...ids(2).map((messageId): Packet => ({ cmd: 'pubrel', messageId })),
    ...delivered.flatMap(({ messageId }): Packet[] =>
      messageId === undefined ? [] : [{ cmd: 'puback', messageId }],
    ),
    { cmd: 'pingreq' },
  )
  await channel.send(divide(closing), pace)
  // PINGRESP, and a PUBCOMP and a delivery for each message of QoS 2
  const answers = await channel.answers(due + 1 + 2 * sent(2).length)

  assert.equal(answers[0]?.cmd, 'connack')
  const of = (command: Packet['cmd']) =>
    answers.filter(({ cmd }) => cmd === command).map(({ messageId }) => messageId)
  assert.deepEqual(of('suback'), [SUBSCRIBE_ID])
  assert.deepEqual(of('puback'), ids(1))
  assert.deepEqual(of('pubrec'), ids(2))
  assert.deepEqual(of('pubcomp'), ids(2))
  assert.equal(of('pingresp').length, 2)
  const payloads = answers.flatMap((packet) =>
    packet.cmd === 'publish' ? [digest(packet.payload)] : [],
  )
  assert.equal(payloads.length, numbered.length)
  // messages of one topic and one QoS keep their order [MQTT-4.6.0-6]
  for (const qos of [0, 1, 2]) {
    const expected = sent(qos).map(({ payload }) => digest(payload))
    assert.deepEqual(
      payloads.filter((payload) => expected.includes(payload)),
      expected,
    )
  }
}

function digest(payload: string | Buffer): string {
  return hash('sha1', payload)
}

export function toBytes(...packets: Packet[]): Buffer[] {
  return packets.map((packet) => mqttPacket.generate(packet))
}
