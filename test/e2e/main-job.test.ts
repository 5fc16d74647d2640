import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import {
  curl,
  eventSource,
  messagesOf,
  mosquittoPub,
  mosquittoSub,
  mqttOverWebSocket,
} from '../support/clients.ts'
import { startGateway, type TestGateway, TUTORIAL_ACL } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

describe('a reading reaches every reader that is allowed,', () => {
  let at: TestGateway
  let sensor: Credentials
  let subscriber: Credentials
  let url: string

  before(async () => {
    at = await startGateway({ acl: TUTORIAL_ACL })
    sensor = await at.pki.issue('sensor.d.wott.local')
    subscriber = await at.pki.issue('subscriber.d.wott.local')
    url = `https://localhost:${at.ports.device}/topics/wott/temperature`
  })
  after(() => at[Symbol.asyncDispose]())

  it('from curl to mosquitto_sub, an event stream, a WebSocket client and the metrics', async () => {
    await using terminal = await mosquittoSub(at, subscriber, 'wott/temperature')
    using stream = await eventSource(at, subscriber, '/topics/wott/temperature')
    const socket = await mqttOverWebSocket(at, subscriber)
    const messages = messagesOf(socket)
    await socket.subscribeAsync('wott/temperature')

    const sent = await curl(sensor, sensor.caFile, '-w', ' %{http_code}', '-d', '21.5', url)

    assert.match(sent.stdout, /^\{"message":"OK","traceId":"[\da-f-]{36}"\} 200$/)
    assert.equal(await terminal.next(), 'wott/temperature 21.5')
    assert.equal((await messages.next()).payload, '21.5')
    const event = JSON.parse((await stream.next()).data)
    assert.deepEqual(
      { ...event, time: typeof event.time },
      {
        topic: 'wott/temperature',
        payload: '21.5',
        device: 'sensor.d.wott.local',
        qos: 0,
        retain: false,
        time: 'string',
      },
    )
    const reading = 'wott_reading{device="sensor.d.wott.local",topic="wott/temperature"}'
    assert.equal(await at.metric(reading), 21.5)
    await socket.endAsync()
  })

  it('from mosquitto_pub to an event stream', async () => {
    using stream = await eventSource(at, subscriber, '/topics/wott/temperature')
    const sent = await mosquittoPub(at, sensor, 'wott/temperature', '40')
    assert.equal(sent.code, 0, sent.stderr)
    assert.equal(JSON.parse((await stream.next()).data).payload, '40')
  })

  it('with any bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
    using stream = await eventSource(at, subscriber, '/topics/wott/temperature')
    const sent = await curl(
      sensor,
      sensor.caFile,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--data-binary',
      `@${await fileWith(bytes)}`,
      url,
    )
    assert.equal(sent.stdout, '200')
    const { payload, payloadBase64 } = JSON.parse((await stream.next()).data)
    assert.equal(payload, undefined)
    assert.deepEqual(Buffer.from(payloadBase64, 'base64'), bytes)
  })

  it('but a device without the right gets 403, and nothing is delivered', async () => {
    await using terminal = await mosquittoSub(at, subscriber, 'wott/temperature')
    const refused = await curl(
      subscriber,
      subscriber.caFile,
      '-w',
      ' %{http_code}',
      '-d',
      '99',
      url,
    )
    assert.match(refused.stdout, /"code":"publish_denied".* 403$/)
    await mosquittoPub(at, subscriber, 'wott/temperature', '98')
    await curl(sensor, sensor.caFile, '-d', '1', url)
    assert.equal(await terminal.next(), 'wott/temperature 1')
  })

  async function fileWith(bytes: Buffer): Promise<string> {
    const { writeFile } = await import('node:fs/promises')
    const path = `${at.pki.directory}/payload`
    await writeFile(path, bytes)
    return path
  }
})
