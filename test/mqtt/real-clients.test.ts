import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  follow,
  messagesOf,
  mosquittoArgs,
  mosquittoPub,
  mosquittoSub,
  mqtt,
  mqttOverWebSocket,
  run,
} from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'
import { type PahoMessage, paho } from '../support/paho.ts'
import { suiteGateway } from '../support/suite-gateway.ts'

const ACL = 'pattern readwrite #\n'
const V5 = ['-V', 'mqttv5']

describe('Mosquitto’s clients with MQTT 5', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  async function publish(topic: string, message: string, ...more: string[]): Promise<void> {
    const { code, stderr } = await mosquittoPub(at, device, topic, message, ...V5, ...more)
    assert.deepEqual([code, stderr], [0, ''])
  }

  function subscribe(filter: string, ...more: string[]) {
    return mosquittoSub(at, device, filter, ...V5, '-q', '2', ...more)
  }

  it('publish and subscribe with every QoS', async () => {
    await using reader = await subscribe('qos', '-F', '%t %q %r %p')
    for (const qos of ['0', '1', '2']) {
      await publish('qos', `hello ${qos}`, '-q', qos)
      assert.equal(await reader.next(), `qos ${qos} 0 hello ${qos}`)
    }
  })

  it('send and receive properties', async () => {
    await using reader = await subscribe(
      ...(['properties', '-F', '%C|%D|%E|%F|%R|%P|%S|%p'] as const),
      ...['-D', 'subscribe', 'subscription-identifier', '7'],
    )
    await publish(
      ...(['properties', '{}', '-q', '1'] as const),
      ...['-D', 'publish', 'content-type', 'application/json'],
      ...['-D', 'publish', 'correlation-data', 'c-1'],
      ...['-D', 'publish', 'message-expiry-interval', '1000000'],
      ...['-D', 'publish', 'payload-format-indicator', '1'],
      ...['-D', 'publish', 'response-topic', 'answers'],
      ...['-D', 'publish', 'user-property', 'z', '1'],
      ...['-D', 'publish', 'user-property', 'a', ''],
      ...['-D', 'publish', 'user-property', 'z', '1'],
    )
    // the rest of the expiry depends on how long the delivery took
    const [contentType, correlation, expiry, ...others] = (await reader.next()).split('|')
    assert.ok(Number(expiry) > 999_990 && Number(expiry) <= 1_000_000, `${expiry}`)
    assert.deepEqual(
      [contentType, correlation, ...others],
      ['application/json', 'c-1', '1', 'answers', 'z:1 a: z:1', '7', '{}'],
    )
  })

  it('set and clear a retained message', async () => {
    await publish('kept', 'old', '-q', '1', '-r')
    await publish('kept', 'new', '-q', '1', '-r')
    {
      await using reader = await subscribe('kept', '-F', '%r %p')
      assert.equal(await reader.next(), '1 new')
    }
    const cleared = await run('mosquitto_pub', [
      ...mosquittoArgs(at, device),
      ...V5,
      '-t',
      'kept',
      '-r',
      '-n',
    ])
    assert.deepEqual([cleared.code, cleared.stderr], [0, ''])
    await using reader = await subscribe('kept', '-F', '%r %p')
    await publish('kept', 'live')
    assert.equal(await reader.next(), '0 live')
  })

  it('leave a will with a delay and properties', async () => {
    await using reader = await subscribe('wills/#', '-F', '%t|%r|%C|%P|%p')
    {
      await using _mortal = await subscribe(
        ...(['other', '-i', 'mortal', '-x', '1'] as const),
        ...['--will-topic', 'wills/mortal', '--will-payload', 'gone', '--will-qos', '1'],
        ...['-D', 'will', 'will-delay-interval', '3600'],
        ...['-D', 'will', 'content-type', 'text/plain', '-D', 'will', 'user-property', 'a', 'b'],
      ).then((mortal) => {
        mortal.process.kill('SIGKILL')
        return mortal
      })
    }
    assert.equal(await reader.next(), 'wills/mortal|0|text/plain|a:b|gone')
  })

  it('resume a session', async () => {
    const session = ['-i', 'sleeper', '-c', '-x', '3600', '-F', '%q %p']
    await (await subscribe('session', ...session))[Symbol.asyncDispose]()
    await publish('session', 'one', '-q', '1')
    await publish('session', 'two', '-q', '2')
    await publish('session', 'zero', '-q', '0')
    // without -d, whose lines would mix with the messages: missed ones may come before SUBACK
    await using back = follow('stdbuf', [
      ...['-oL', 'mosquitto_sub', ...mosquittoArgs(at, device), ...V5],
      ...['-t', 'session', '-q', '2', ...session],
    ])
    assert.deepEqual([await back.next(), await back.next()], ['1 one', '2 two'])
    await publish('session', 'three', '-q', '1')
    assert.equal(await back.next(), '1 three')
  })

  it('share a subscription', async () => {
    const filter = '$share/group/shared'
    await using one = await subscribe(filter, '-F', '%p')
    await using other = await subscribe(filter, '-F', '%p')
    for (const message of ['a', 'b', 'c', 'd']) await publish('shared', message, '-q', '1')
    const got = [await one.next(), await other.next(), await one.next(), await other.next()]
    assert.deepEqual(got.sort(), ['a', 'b', 'c', 'd'])
  })

  it('send a request with mosquitto_rr and receive the response', async () => {
    const answers = await mqtt(at, device, { protocolVersion: 5 })
    answers.on('message', (_topic, payload, { properties }) => {
      const { responseTopic = '', correlationData } = properties ?? {}
      const given = correlationData === undefined ? {} : { properties: { correlationData } }
      answers.publish(responseTopic, `${payload}!`, { qos: 1, ...given })
    })
    await answers.subscribeAsync('questions', { qos: 1 })
    const { code, stdout, stderr } = await run('mosquitto_rr', [
      ...[...mosquittoArgs(at, device), ...V5, '-q', '1', '-W', '10'],
      ...['-t', 'questions', '-e', 'answers/1', '-m', 'well'],
    ])
    assert.deepEqual([code, stdout, stderr], [0, 'well!\n', ''])
    await answers.endAsync()
  })
})

for (const version of [5, 4] as const)
  for (const transport of ['tcp', 'websockets'] as const)
    describe(`Paho for Python with MQTT ${version === 5 ? '5' : '3.1.1'} over ${transport}`, async () => {
      const { at, device } = await suiteGateway({ acl: ACL })

      const as = (clientId: string) => ({ clientId, version, transport })

      it('publishes and subscribes with every QoS, and keeps retained messages', async () => {
        await using client = await paho(at, device, as('client'))
        assert.equal(client.sessionPresent, false)
        assert.deepEqual(await client.subscribe({ a: 2, 'b/#': 1 }), [2, 1])
        for (const qos of [0, 1, 2] as const) {
          await client.publish('a', `${qos}`, { qos })
          assert.deepEqual(await client.next(), said('a', `${qos}`, { qos }))
        }
        await client.publish('b/kept', 'x', { qos: 1, retain: true })
        assert.deepEqual(await client.next(), said('b/kept', 'x', { qos: 1 }))
        await using late = await paho(at, device, as('late'))
        await late.subscribe({ 'b/+': 0 })
        assert.deepEqual(await late.next(), said('b/kept', 'x', { retain: true }))
        await client.end()
      })

      it('resumes a session, and leaves a will', async () => {
        await using witness = await paho(at, device, as('witness'))
        await witness.subscribe({ 'wills/paho': 1 })
        const session = {
          ...as('sleeper'),
          clean: false,
          ...(version === 5 ? { properties: { SessionExpiryInterval: 3600 } } : {}),
          will: { topic: 'wills/paho', payload: 'gone', qos: 1, retain: false } as const,
        }
        const first = await paho(at, device, session)
        assert.deepEqual(await first.subscribe({ sleep: 1 }), [1])
        await first.kill()
        assert.deepEqual(await witness.next(), said('wills/paho', 'gone', { qos: 1 }))
        await witness.publish('sleep', 'missed', { qos: 1 })
        await using second = await paho(at, device, session)
        assert.equal(second.sessionPresent, true)
        assert.deepEqual(await second.next(), said('sleep', 'missed', { qos: 1 }))
      })
    })

describe('Paho for Python with MQTT 5', () => {
  it('sends and receives properties, options and subscription identifiers', async () => {
    await using at = await startGateway({ acl: ACL })
    const device = await at.pki.issue('device.d.wott.local')
    await using reader = await paho(at, device, { clientId: 'reader' })
    await using writer = await paho(at, device, { clientId: 'writer' })
    const options = { qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }
    assert.deepEqual(await reader.subscribe({ topic: options }), [1])
    await reader.publish('topic', 'own', { qos: 1 })
    const properties = {
      PayloadFormatIndicator: 1,
      ContentType: 'text/plain',
      ResponseTopic: 'answers',
      CorrelationData: '\u00ff\u0000',
      UserProperty: [
        ['z', '1'],
        ['a', ''],
        ['z', '1'],
      ],
    }
    await writer.publish('topic', 'x', { qos: 1, retain: true, properties })
    assert.deepEqual(await reader.next(), said('topic', 'x', { qos: 1, retain: true, properties }))
  })
})

describe('mqtt.js with MQTT 5', async () => {
  const { at, device } = await suiteGateway({ acl: ACL })

  for (const [name, connect] of [
    ['TLS', mqtt],
    ['WebSocket', mqttOverWebSocket],
  ] as const)
    it(`publishes and subscribes with every QoS over ${name}, from 0 to 100 KiB`, async () => {
      const client = await connect(at, device, { protocolVersion: 5, clientId: name })
      const messages = messagesOf(client)
      await client.subscribeAsync(`${name}/#`, { qos: 2 })
      for (const qos of [0, 1, 2] as const)
        for (const size of [0, 1, 100 * 1024]) {
          const payload = 'x'.repeat(size)
          await client.publishAsync(`${name}/${qos}`, payload, { qos })
          const expected = { topic: `${name}/${qos}`, payload, qos, retain: false, dup: false }
          assert.deepEqual(await messages.next(), expected)
        }
      await client.unsubscribeAsync(`${name}/#`)
      await client.endAsync()
    })
})

function said(topic: string, payload: string, more: Partial<PahoMessage> = {}): PahoMessage {
  return { topic, payload, qos: 0, retain: false, properties: {}, ...more }
}
