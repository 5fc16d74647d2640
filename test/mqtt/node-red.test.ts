import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import type { IPublishPacket } from 'mqtt-packet'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = 'pattern readwrite #\n'

/** MQTT nodes of Node-RED: mqtt.js with the options of their mqtt-broker node, which subscribe again at each `connect`. */
interface Flow {
  readonly client: MqttClient
  /** Session present of each CONNACK. */
  nextConnection(): Promise<{ sessionPresent: boolean }>
}

for (const protocolVersion of [4, 5] as const)
  describe(`Node-RED with protocol version ${protocolVersion}`, () => {
    let at: TestGateway
    let device: Credentials
    let witness: MqttClient

    before(async () => {
      at = await startGateway({ acl: ACL })
      device = await at.pki.issue('device.d.wott.local')
      witness = await mqtt(at, device, { protocolVersion })
    })
    after(async () => {
      await witness.endAsync()
      await at[Symbol.asyncDispose]()
    })

    function deploy(options: IClientOptions, filters: readonly string[]): Flow {
      const connections: { sessionPresent: boolean }[] = []
      const wanted: ((connection: { sessionPresent: boolean }) => void)[] = []
      const client = connect({
        protocol: 'mqtts',
        host: 'localhost',
        port: at.ports.mqtt,
        ca: device.ca,
        cert: device.certificate,
        key: device.key,
        protocolId: 'MQTT',
        protocolVersion,
        keepalive: 60,
        clean: true,
        // the default is 15 s
        resubscribe: false,
        reconnectPeriod: 20,
        ...options,
      })
      client.on('connect', async ({ sessionPresent }) => {
        // each `mqtt in` node sends a SUBSCRIBE of its own
        for (const filter of filters) await client.subscribeAsync(filter, { qos: 2 })
        client.publish('flow/birth', 'online', { qos: 1, retain: true })
        const want = wanted.shift()
        if (want) want({ sessionPresent })
        else connections.push({ sessionPresent })
      })
      return {
        client,
        nextConnection: async () =>
          connections.shift() ?? new Promise((resolve) => wanted.push(resolve)),
      }
    }

    const message = (
      topic: string,
      payload: string,
      more: { qos?: number; retain?: boolean; dup?: boolean } = {},
    ) => ({
      topic,
      payload,
      qos: 1,
      retain: false,
      dup: false,
      ...more,
    })

    it('has its birth, close and will messages delivered', async () => {
      const seen = messagesOf(witness)
      await witness.subscribeAsync('flow/+', { qos: 1 })
      const will = {
        topic: 'flow/will',
        payload: Buffer.from('lost'),
        qos: 1,
        retain: false,
      } as const
      const first = deploy({ clientId: 'nodered_a', will }, [])
      await first.nextConnection()
      assert.deepEqual(await seen.next(), message('flow/birth', 'online'))
      await first.client.publishAsync('flow/close', 'offline', { qos: 1 })
      await first.client.endAsync()
      assert.deepEqual(await seen.next(), message('flow/close', 'offline'))

      const second = deploy({ clientId: 'nodered_a', will }, [])
      await second.nextConnection()
      assert.deepEqual(await seen.next(), message('flow/birth', 'online'))
      second.client.stream.destroy()
      await second.nextConnection()
      const both = [await seen.next(), await seen.next()]
      assert.deepEqual(
        both.sort((a, b) => a.topic.localeCompare(b.topic)),
        [message('flow/birth', 'online'), message('flow/will', 'lost')],
      )
      await second.client.endAsync()
      await witness.unsubscribeAsync('flow/+')
    })

    it('subscribes again after each reconnection with a clean session', async () => {
      const { client, nextConnection } = deploy({ clientId: 'nodered_b' }, ['in/#', 'in/x'])
      const seen = messagesOf(client)
      for (let round = 0; round < 3; round++) {
        assert.deepEqual(await nextConnection(), { sessionPresent: false })
        await witness.publishAsync('in/x', `${round}`, { qos: 1 })
        // two overlapping filters, one copy
        assert.deepEqual(await seen.next(), message('in/x', `${round}`))
        if (round < 2) client.stream.destroy()
      }
      await client.endAsync()
    })

    it('receives what it missed once with a persistent session, and sends what it queued', async () => {
      const more = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 3600 } } : {}
      const { client, nextConnection } = deploy({ clientId: 'nodered_c', clean: false, ...more }, [
        'kept/#',
      ])
      const seen = messagesOf(client)
      assert.deepEqual(await nextConnection(), { sessionPresent: false })
      const answers = messagesOf(witness)
      await witness.subscribeAsync('out', { qos: 1 })
      client.stream.destroy()
      // mqtt.js queues it until it is connected again
      const waited = client.publishAsync('out', 'waited', { qos: 1 })
      await witness.publishAsync('kept/a', 'missed', { qos: 1 })
      assert.deepEqual(await nextConnection(), { sessionPresent: true })
      const { dup, ...missed } = await seen.next()
      const { dup: _, ...expected } = message('kept/a', 'missed')
      assert.deepEqual(missed, expected, `${dup}`)
      await waited
      assert.deepEqual(await answers.next(), message('out', 'waited'))
      await witness.publishAsync('kept/a', 'fence', { qos: 1 })
      assert.deepEqual(await seen.next(), message('kept/a', 'fence'))
      await client.endAsync()
      await witness.unsubscribeAsync('out')
    })

    if (protocolVersion === 5)
      it('can use the options and properties of its nodes', async () => {
        const properties = {
          sessionExpiryInterval: 60,
          receiveMaximum: 10,
          maximumPacketSize: 100_000,
          topicAliasMaximum: 5,
          requestResponseInformation: true,
          requestProblemInformation: true,
          userProperties: { flow: 'one' },
        }
        const { client, nextConnection } = deploy({ clientId: 'nodered_d', properties }, [])
        await nextConnection()
        await client.subscribeAsync('node/in', {
          qos: 1,
          nl: true,
          rap: true,
          rh: 1,
          properties: { subscriptionIdentifier: 4 },
        })
        const packet = new Promise<IPublishPacket>((resolve) =>
          client.once('message', (_topic, _payload, arrived) => resolve(arrived)),
        )
        await client.publishAsync('node/in', 'own', { qos: 1 })
        const sent = {
          contentType: 'application/json',
          responseTopic: 'node/answer',
          correlationData: Buffer.from('1'),
        }
        await witness.publishAsync('node/in', '{}', { qos: 1, retain: true, properties: sent })
        const { payload, retain, properties: got } = await packet
        assert.deepEqual([`${payload}`, retain], ['{}', true])
        assert.deepEqual(got, { ...sent, subscriptionIdentifier: 4 })
        await client.endAsync()
      })
  })
