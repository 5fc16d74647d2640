import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import type { IPublishPacket } from 'mqtt-packet'
import { temporaryFolder } from '../cli/program.ts'
import { http2, http2Session, messagesOf, mqtt, type ReceivedMessage } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { connectPacket, rawConnected, rawMqtt } from '../support/raw-mqtt.ts'

const ACL = 'pattern readwrite #\n'
const INFLIGHT = 10

describe('MQTT 3.1.1 on the mqtt door', () => {
  let at: TestGateway
  let device: Credentials

  before(async () => {
    at = await startGateway({
      acl: ACL,
      settings: { maxInflight: String(INFLIGHT), publishRate: '0' },
    })
    device = await at.pki.issue('device.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  async function subscriber(
    filters: Record<string, { qos: 0 | 1 | 2 }>,
    clientId: string = randomUUID() as string,
    clean = true,
  ) {
    const client = await mqtt(at, device, { clientId, clean })
    const messages = messagesOf(client)
    await client.subscribeAsync(filters)
    return { client, next: messages.next }
  }

  it('delivers at the lower of the QoS published and the QoS subscribed, wildcards included', async () => {
    const { client, next } = await subscriber({ 'qos/+': { qos: 1 } })
    const publisher = await mqtt(at, device)
    for (const qos of [0, 1, 2] as const) await publisher.publishAsync(`qos/${qos}`, 'x', { qos })
    const received = [await next(), await next(), await next()].map(({ topic, qos }) => [
      topic,
      qos,
    ])
    assert.deepEqual(received, [
      ['qos/0', 0],
      ['qos/1', 1],
      ['qos/2', 1],
    ])
    await Promise.all([client.endAsync(), publisher.endAsync()])
  })

  it('reads small and large packets wherever the stream is split, with and without subscribers', async () => {
    const large = Buffer.alloc(64 * 1024, 'x')
    const publisher = await mqtt(at, device)
    let lost = 0
    publisher.on('close', () => {
      lost += 1
    })
    for (let n = 0; n < 50; n++) {
      await publisher.publishAsync('nobody/small', String(n))
      await publisher.publishAsync('nobody/large', large)
    }
    const { client, next } = await subscriber({ 'divided/#': { qos: 0 } })
    for (let n = 0; n < 50; n++) {
      await publisher.publishAsync('divided/small', String(n))
      await publisher.publishAsync('divided/large', large)
      assert.equal(String((await next()).payload), String(n))
      assert.equal((await next()).payload.length, large.length)
    }
    assert.equal(lost, 0)
    await Promise.all([client.endAsync(), publisher.endAsync()])
  })

  it('delivers one copy at the highest QoS where filters overlap', async () => {
    for (const filters of [
      { 'over/#': { qos: 0 }, 'over/b': { qos: 1 } },
      { 'over/b': { qos: 2 }, 'over/+': { qos: 0 } },
    ] as Record<string, { qos: 0 | 1 | 2 }>[]) {
      const { client, next } = await subscriber(filters)
      await client.publishAsync('over/b', '1', { qos: 2 })
      await client.publishAsync('over/b', 'fence', { qos: 0 })
      const highest = Math.max(...Object.values(filters).map(({ qos }) => qos))
      const first = await next()
      assert.deepEqual([first.payload, first.qos], ['1', highest])
      assert.equal((await next()).payload, 'fence')
      await client.endAsync()
    }
  })

  it('queues messages for an absent session in order, and drops them with the session', async () => {
    const clientId = 'away'
    const { client } = await subscriber(
      { 'away/#': { qos: 1 }, 'away/x': { qos: 2 } },
      clientId,
      false,
    )
    await client.endAsync()
    const publisher = await mqtt(at, device)
    const payloads = Array.from({ length: 50 }, (_, index) => String(index))
    for (const [index, payload] of payloads.entries())
      await publisher.publishAsync(`away/${index % 2 ? 'x' : 'y'}`, payload, {
        qos: index % 3 ? 1 : 2,
      })
    await publisher.publishAsync('away/x', 'QoS 0 is not kept', { qos: 0 })

    const back = await rawMqtt(at, device)
    back.send(connectPacket({ clientId, clean: false }))
    const connack = await back.next()
    assert.ok(connack.cmd === 'connack' && connack.sessionPresent)
    const received: string[] = []
    while (received.length < payloads.length) {
      const packet = await back.next()
      if (packet.cmd === 'pubrel')
        back.send({ cmd: 'pubcomp', messageId: packet.messageId as number })
      if (packet.cmd !== 'publish') continue
      received.push(String(packet.payload))
      back.send({
        cmd: packet.qos === 2 ? 'pubrec' : 'puback',
        messageId: packet.messageId as number,
      })
    }
    assert.deepEqual(received, payloads)
    back.socket.destroy()
    await back.closed

    for (const clean of [true, false]) {
      using fresh = await rawMqtt(at, device)
      fresh.send(connectPacket({ clientId, clean }))
      const { sessionPresent } = (await fresh.next()) as { sessionPresent?: boolean }
      assert.equal(sessionPresent, false)
    }
    await publisher.endAsync()
  })

  it('repeats what was not acknowledged with DUP set and the same identifier', async () => {
    const clientId = 'forgetful'
    const first = await rawConnected(at, device, { clientId, clean: false })
    first.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'dup', qos: 1 }] })
    await first.next()
    const publisher = await mqtt(at, device)
    await publisher.publishAsync('dup', '1', { qos: 1 })
    const sent = (await first.next()) as IPublishPacket
    assert.equal(sent.dup, false)
    first.socket.destroy()
    await first.closed
    await publisher.publishAsync('dup', '2', { qos: 1 })

    using second = await rawMqtt(at, device)
    second.send(connectPacket({ clientId, clean: false }))
    assert.equal((await second.next()).cmd, 'connack')
    const [again, fresh] = [
      (await second.next()) as IPublishPacket,
      (await second.next()) as IPublishPacket,
    ]
    assert.deepEqual(
      [String(again.payload), again.dup, again.messageId],
      ['1', true, sent.messageId],
    )
    assert.deepEqual([String(fresh.payload), fresh.dup], ['2', false])
    await publisher.endAsync()
  })

  it('never uses one identifier for two messages in flight, retained or not [MQTT-2.3.1-4]', async () => {
    const publisher = await mqtt(at, device)
    const topics = Array.from({ length: 5 }, (_, index) => `ids/${index}`)
    for (const topic of topics) await publisher.publishAsync(topic, 'x', { qos: 1, retain: true })
    using raw = await rawConnected(at, device, { clientId: 'ids', clean: false })
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'ids/+', qos: 1 }] })
    await raw.next()
    const ids = new Set<number | undefined>()
    for (const _ of topics) ids.add((await raw.next()).messageId)
    for (let sent = topics.length; sent < INFLIGHT; sent++) {
      await publisher.publishAsync('ids/0', 'x', { qos: 1 })
      ids.add((await raw.next()).messageId)
    }
    assert.equal(ids.size, INFLIGHT)
    for (const topic of topics) await publisher.publishAsync(topic, '', { retain: true })
    await publisher.endAsync()
  })

  it('bounds the messages in flight to one session, and sends the next on each acknowledgement', async () => {
    using raw = await rawConnected(at, device, { clientId: 'window', clean: false })
    raw.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'window', qos: 1 }] })
    await raw.next()
    const publisher = await mqtt(at, device)
    const count = INFLIGHT * 3
    await Promise.all(
      Array.from({ length: count }, (_, index) =>
        publisher.publishAsync('window', String(index), { qos: 1 }),
      ),
    )
    const received: IPublishPacket[] = []
    for (let index = 0; index < INFLIGHT; index++)
      received.push((await raw.next()) as IPublishPacket)
    // the answer to a PINGREQ comes after everything that is sent
    raw.send({ cmd: 'pingreq' })
    assert.equal((await raw.next()).cmd, 'pingresp')
    for (let index = 0; index < count; index++) {
      raw.send({ cmd: 'puback', messageId: received[index]?.messageId as number })
      if (received.length < count) received.push((await raw.next()) as IPublishPacket)
    }
    assert.deepEqual(
      received.map(({ payload }) => Number(payload)),
      Array.from({ length: count }, (_, index) => index),
    )
    await publisher.endAsync()
  })

  it('takes 1,500 QoS 2 messages before the first PUBREL', async () => {
    using raw = await rawConnected(at, device, { clientId: 'unreleased' })
    const count = 1500
    for (let messageId = 1; messageId <= count; messageId++)
      raw.send({
        cmd: 'publish',
        topic: 'unreleased',
        payload: 'x',
        qos: 2,
        messageId,
        retain: false,
        dup: false,
      })
    const ids = new Set<number | undefined>()
    while (ids.size < count) {
      const packet = await raw.next()
      assert.equal(packet.cmd, 'pubrec')
      ids.add(packet.messageId)
    }
  })

  it('acknowledges QoS 1 in the order of publishing, whether stored, unread or denied [MQTT-4.6.0-2]', async () => {
    const acl = 'pattern readwrite acks/#\n'
    await using folder = await temporaryFolder()
    await using stored = await startGateway({ acl, settings: { broker: `file:${folder.path}` } })
    const who = await stored.pki.issue('device.d.wott.local')
    const keeper = await mqtt(stored, who, { clientId: 'keeper', clean: false })
    await keeper.subscribeAsync('acks/stored', { qos: 1 })
    using raw = await rawConnected(stored, who)
    const topics = ['acks/stored', 'acks/nobody', 'denied']
    const ids = Array.from({ length: 60 }, (_, index) => index + 1)
    for (const messageId of ids)
      raw.send({
        cmd: 'publish',
        topic: topics[messageId % 3] as string,
        payload: 'x',
        qos: 1,
        messageId,
        retain: false,
        dup: false,
      })
    const acknowledged: unknown[] = []
    while (acknowledged.length < ids.length) acknowledged.push((await raw.next()).messageId)
    assert.deepEqual(acknowledged, ids)
    await keeper.endAsync()
  })

  it('loses and doubles no message while a persistent session changes its filters', async () => {
    const { client, next } = await subscriber({ 'change/#': { qos: 0 } }, 'changing', false)
    const publisher = await mqtt(at, device)
    let changing = true
    const changes = (async () => {
      for (let round = 0; round < 20; round++) {
        await client.subscribeAsync('change/a', { qos: 1 })
        await client.unsubscribeAsync('change/a')
      }
      changing = false
    })()
    let published = 0
    const publishing = (async () => {
      while (changing) await publisher.publishAsync('change/a', String(published++), { qos: 1 })
    })()
    await Promise.all([changes, publishing])
    for (let expected = 0; expected < published; expected++)
      assert.equal((await next()).payload, String(expected))
    await Promise.all([client.endAsync(), publisher.endAsync()])
  })

  it('handles an UNSUBSCRIBE and the SUBSCRIBE after it in order', async () => {
    for (const clean of [true, false]) {
      const clientId = `again-${clean}`
      const { client, next } = await subscriber({ again: { qos: 1 } }, clientId, clean)
      await Promise.all([
        client.unsubscribeAsync('again'),
        client.subscribeAsync('again', { qos: 1 }),
      ])
      await client.publishAsync('again', '1', { qos: 1 })
      assert.deepEqual(
        [await next()].map(({ payload, qos }) => [payload, qos]),
        [['1', 1]],
      )
      await Promise.all([client.subscribeAsync('again'), client.unsubscribeAsync('again')])
      await client.subscribeAsync('fence')
      await client.publishAsync('again', '2')
      await client.publishAsync('fence', '3')
      assert.equal((await next()).payload, '3')
      await client.endAsync()
    }
  })

  describe('loses and reorders no live message, whether it is stored or not', () => {
    const COUNT = 500

    /** Publishes `COUNT` messages from each source at the same time, and checks what arrives. */
    async function check(
      clean: boolean,
      sources: ((index: number) => Promise<unknown>)[],
      keyOf: (message: ReceivedMessage) => string,
    ) {
      const { client, next } = await subscriber({ 'row/#': { qos: 1 } }, randomUUID(), clean)
      const publishing = sources.flatMap((publish) =>
        Array.from({ length: COUNT }, (_, index) => publish(index)),
      )
      const last = new Map<string, number>()
      for (let received = 0; received < COUNT * sources.length; received++) {
        let message = await next()
        // a message that an earlier row retained
        while (message.retain) message = await next()
        const key = keyOf(message)
        const number = Number(message.payload)
        assert.equal(number, (last.get(key) ?? -1) + 1, `${key} after ${last.get(key)}`)
        last.set(key, number)
      }
      await Promise.all(publishing)
      await client.endAsync()
    }

    const over = (client: MqttClient, topic: string, qos: 0 | 1) => (index: number) =>
      client.publishAsync(topic, String(index), { qos })

    it('of one publisher, alternately retained and plain, at QoS 1 to a persistent session', async () => {
      const client = await mqtt(at, device)
      await check(
        false,
        [
          (index) =>
            client.publishAsync('row/stored', String(index), { qos: 1, retain: index % 2 === 0 }),
        ],
        () => '',
      )
      await client.endAsync()
    })

    it('of one publisher, alternately retained and plain', async () => {
      const client = await mqtt(at, device)
      await check(
        true,
        [
          (index) =>
            client.publishAsync('row/retained', String(index), { qos: 0, retain: index % 2 === 0 }),
        ],
        ({ topic }) => topic,
      )
      await client.endAsync()
    })

    it('of a QoS 1 and a QoS 0 publisher, to a persistent session', async () => {
      const clients = [await mqtt(at, device), await mqtt(at, device)] as const
      await check(
        false,
        [over(clients[0], 'row/a', 1), over(clients[1], 'row/b', 0)],
        ({ topic }) => topic,
      )
      await Promise.all(clients.map((client) => client.endAsync()))
    })

    it('of two QoS 1 publishers, one with fifty absent sessions on its topic', async () => {
      for (let index = 0; index < 50; index++) {
        const { client } = await subscriber({ 'row/busy': { qos: 1 } }, `away${index}`, false)
        await client.endAsync()
      }
      const clients = [await mqtt(at, device), await mqtt(at, device)] as const
      await check(
        true,
        [over(clients[0], 'row/busy', 1), over(clients[1], 'row/free', 1)],
        ({ topic }) => topic,
      )
      await Promise.all(clients.map((client) => client.endAsync()))
    })

    it('of HTTP at QoS 1 and retained, and of MQTT at QoS 0', async () => {
      const client = await mqtt(at, device)
      const session = http2Session(at, device)
      // HTTP/2 keeps the order of the requests, and the gateway handles them in it
      const post = (query: string, topic: string) => (index: number) =>
        http2(session, { ':method': 'POST', ':path': `/topics/${topic}?${query}` }, String(index))
      await check(
        true,
        [post('qos=1', 'row/http'), post('retain=true', 'row/kept'), over(client, 'row/mqtt', 0)],
        ({ topic }) => topic,
      )
      session.close()
      await client.endAsync()
    })
  })
})
