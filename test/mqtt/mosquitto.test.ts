import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Packet } from 'mqtt-packet'
import type { Version } from '../../src/mqtt/packets.ts'
import { BROKERS, type Broker, startBroker } from '../conformance/brokers.ts'
import { rawMqtt } from '../support/raw-mqtt.ts'
import { bytes, type Part, properties, VERSIONS } from './wire.ts'

const [CONNECT, PUBLISH, PUBLISH_1, PUBLISH_2] = [0x10, 0x30, 0x32, 0x34]
const [SUBSCRIBE, UNSUBSCRIBE, DISCONNECT] = [0x82, 0xa2, 0xe0]
const [CLEAN, PASSWORD] = [0x02, 0x40]
const [ID_0, ID_1] = [
  [0, 0],
  [0, 1],
]
const NAMES = { 3: 'MQIsdp', 4: 'MQTT', 5: 'MQTT' } as const

function packet(first: number, ...parts: readonly Part[]): Buffer {
  const body = bytes(...parts)
  assert.ok(body.length < 128)
  return bytes(first, body.length, body)
}

/** What clients of this version send, without properties in MQTT 5. */
function conversations(version: Version): Record<string, readonly Buffer[]> {
  const none = version === 5 ? [0] : []
  const opening = (flags: number, ...payload: readonly Part[]) =>
    packet(CONNECT, NAMES[version], version, flags, 0, 60, none, ...payload)
  const open = opening(CLEAN, 'id')
  const message = packet(PUBLISH, 'a', none, [0x78])
  const share = packet(SUBSCRIBE, ID_1, none, '$share/group/a', 0)
  const unshare = packet(UNSUBSCRIBE, ID_1, none, '$share/group/a')
  const shareless = packet(SUBSCRIBE, ID_1, none, '$share/group', 0)
  const said = {
    'PUBLISH of QoS 1 with packet identifier 0': [open, packet(PUBLISH_1, 'a', ID_0, none)],
    'PUBLISH of QoS 2 with packet identifier 0': [open, packet(PUBLISH_2, 'a', ID_0, none)],
    'SUBSCRIBE with packet identifier 0': [open, packet(SUBSCRIBE, ID_0, none, 'a', 0)],
    'UNSUBSCRIBE with packet identifier 0': [open, packet(UNSUBSCRIBE, ID_0, none, 'a')],
    'SUBSCRIBE of nothing': [open, packet(SUBSCRIBE, ID_1, none)],
    'UNSUBSCRIBE of nothing': [open, packet(UNSUBSCRIBE, ID_1, none)],
    'a password without a user name': [opening(CLEAN | PASSWORD, 'id', 'password')],
    'no client id and a clean session': [opening(CLEAN, '')],
    'no client id and no clean session': [opening(0, '')],
    'a shared subscription': [open, share, message],
    'a shared subscription that ends': [open, share, unshare, message],
    'a shared subscription without a filter': [open, shareless],
  }
  return Object.fromEntries(
    Object.entries(said).map(([what, packets]) => [`MQTT ${version}: ${what}`, packets]),
  )
}

const UNKNOWN: Record<string, readonly Buffer[]> = {
  'protocol level 2': [packet(CONNECT, 'MQTT', 2, CLEAN, 0, 60, 'id')],
  'protocol level 6': [packet(CONNECT, 'MQTT', 6, CLEAN, 0, 60, 0, 'id')],
  'the name of MQTT 3.1 and the level of 3.1.1': [packet(CONNECT, 'MQIsdp', 4, CLEAN, 0, 60, 'id')],
  'the name of MQTT 3.1.1 and the level of 3.1': [packet(CONNECT, 'MQTT', 3, CLEAN, 0, 60, 'id')],
  'the name of no protocol': [packet(CONNECT, 'MQTX', 4, CLEAN, 0, 60, 'id')],
}

/** Where the gateway and Mosquitto differ: both answers. */
const DIFFERENCES: Readonly<Record<string, readonly [gateway: string, mosquitto: string]>> = {
  // MQTT 3.1 does not mention either; later versions forbid both
  'MQTT 3: SUBSCRIBE of nothing': ['connack 0, closed', 'connack 0, suback, pingresp'],
  'MQTT 3: UNSUBSCRIBE of nothing': ['connack 0, closed', 'connack 0, unsuback, pingresp'],
  // protocol errors [MQTT-2.2.1-3, MQTT-3.8.3-2, MQTT-3.10.3-2], which Mosquitto reports as malformed
  ...Object.fromEntries(
    ['SUBSCRIBE', 'UNSUBSCRIBE'].flatMap((name) =>
      [`${name} with packet identifier 0`, `${name} of nothing`].map((what) => [
        `MQTT 5: ${what}`,
        ['connack 0, disconnect 130, closed', 'connack 0, disconnect 129, closed'] as const,
      ]),
    ),
  ),
  // [MQTT-4.8.2-2]; Mosquitto grants a filter that no message can match
  ...Object.fromEntries(
    VERSIONS.map((version) => [
      `MQTT ${version}: a shared subscription without a filter`,
      [
        `connack 0, suback ${version === 5 ? 143 : 128}, pingresp`,
        'connack 0, suback 0, pingresp',
      ] as const,
    ]),
  ),
  // [MQTT-3.1.2-1]
  'the name of no protocol': ['connack 1, closed', 'closed'],
}

describe('the gateway answers like a real Mosquitto', () => {
  const all = { ...Object.assign({}, ...VERSIONS.map(conversations)), ...UNKNOWN }

  it('to malformed packets, client ids and shared subscriptions', async () => {
    const [ours, theirs] = await answersOf(async (broker) => {
      const answers: Record<string, string> = {}
      for (const [what, packets] of Object.entries<readonly Buffer[]>(all))
        answers[what] = await converse(broker, packets)
      return answers
    })
    for (const what of Object.keys(all)) {
      const [gateway = theirs[what], mosquitto = theirs[what]] = DIFFERENCES[what] ?? []
      assert.deepEqual([ours[what], theirs[what]], [gateway, mosquitto], what)
    }
    // fixed expectations, in case both are wrong
    assert.equal(ours['protocol level 6'], 'connack 1, closed')
    assert.equal(ours['MQTT 3: no client id and a clean session'], 'connack 2, closed')
    assert.equal(ours['MQTT 4: a password without a user name'], 'closed')
    assert.equal(ours['MQTT 4: a shared subscription'], 'connack 0, suback 0, publish a, pingresp')
  })

  it('to a client that comes back to a session without subscriptions', async () => {
    const kept = properties(0x11, [0, 0, 0, 100])
    const [ours, theirs] = await answersOf(async (broker) => {
      const answers: Record<string, string> = {}
      for (const version of VERSIONS) {
        const terms = version === 5 ? kept : []
        const open = packet(CONNECT, NAMES[version], version, 0, 0, 60, terms, `kept-${version}`)
        await converse(broker, [open, packet(DISCONNECT)])
        answers[version] = await converse(broker, [open])
      }
      return answers
    })
    assert.deepEqual(ours, theirs)
    assert.deepEqual(ours, {
      3: 'connack 0, pingresp',
      4: 'connack 0 present, pingresp',
      5: 'connack 0 present, pingresp',
    })
  })
})

/** What `ask` returns for the gateway and for Mosquitto. */
async function answersOf<Answers>(
  ask: (broker: Broker) => Promise<Answers>,
): Promise<readonly [ours: Answers, theirs: Answers]> {
  const [ours, theirs] = await Promise.all(
    BROKERS.map(async (name) => {
      const options = { acl: 'topic readwrite #\n', gateway: {}, mosquitto: [] }
      await using broker = await startBroker(name, options)
      return await ask(broker)
    }),
  )
  return [ours as Answers, theirs as Answers]
}

/** Describes the answers to the packets and a PINGREQ after them. */
async function converse({ port, device }: Broker, packets: readonly Buffer[]): Promise<string> {
  const version = packets[0]?.includes('MQTT\x05') ? 5 : 4
  using client = await rawMqtt({ ports: { mqtt: port } }, device, version)
  client.send(...packets, packet(0xc0))
  const answers: string[] = []
  do answers.push(await client.next().then(inWords, () => 'closed'))
  while (!['pingresp', 'closed'].includes(answers.at(-1) as string))
  return answers.join(', ')
}

function inWords(packet: Packet): string {
  switch (packet.cmd) {
    case 'connack':
      return `connack ${packet.reasonCode ?? packet.returnCode}${packet.sessionPresent ? ' present' : ''}`
    case 'suback':
      return ['suback', ...packet.granted].join(' ')
    case 'disconnect':
      return `disconnect ${packet.reasonCode}`
    case 'publish':
      return `publish ${packet.topic}`
    default:
      return packet.cmd
  }
}
