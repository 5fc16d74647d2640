import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import { type Answer, http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const STRUCTURED = 'application/cloudevents+json; charset=utf-8'
const EVENT = { specversion: '1.0', id: 'A234-1234', source: '/room/kitchen', type: 'temperature' }
const BINARY = Object.fromEntries(
  Object.entries(EVENT).map(([name, value]) => [`ce-${name}`, value]),
)

describe('a CloudEvent on POST /topics/{topic}', () => {
  let at: TestGateway
  let device: Credentials
  let subscriber: MqttClient

  before(async () => {
    at = await startGateway({ acl: 'user writer\ntopic write a/#\nuser reader\ntopic read #\n' })
    device = await at.pki.issue('writer')
    subscriber = await mqtt(at, await at.pki.issue('reader'), { protocolVersion: 5 })
    await subscriber.subscribeAsync('#')
  })
  after(() => at[Symbol.asyncDispose]())

  const post = (headers: object, body: string | Buffer, path = '/topics/a/b'): Promise<Answer> =>
    http1(at, device, { path, method: 'POST', body, headers: { ...headers } })

  /** Publishes an event, and returns what a subscriber receives. */
  async function published(headers: object, body: string, query = '') {
    const arrived = once(subscriber as never, 'message')
    const answer = await post(headers, body, `/topics/a/b${query}`)
    assert.equal(answer.status, 200, answer.text)
    const [topic, payload, { properties }] = await arrived
    assert.equal(topic, 'a/b')
    const { contentType, userProperties } = properties
    return { payload: String(payload), contentType, userProperties: { ...userProperties } }
  }

  it('is published with its attributes as user properties in binary mode', async () => {
    const time = new Date(Date.now() - 3_600_000).toISOString()
    const attributes = { ...EVENT, time, subject: 'Küche "1"', traceparent: '00-0af7-b7ad-01' }
    const headers = {
      ...BINARY,
      'ce-time': time,
      'ce-traceparent': attributes.traceparent,
      'ce-subject': 'K%C3%BCche%20%221%22',
      'Content-Type': 'application/json',
    }
    assert.deepEqual(await published(headers, '{"t":21.50}'), {
      payload: '{"t":21.50}',
      contentType: 'application/json',
      userProperties: attributes,
    })
    // a quoted value, and a content type given in the query
    const quoted = await published(
      { ...BINARY, 'ce-subject': '"a \\"b\\""' },
      '1',
      '?contentType=text/x',
    )
    assert.equal(quoted.userProperties.subject, 'a "b"')
    assert.equal(quoted.contentType, 'text/x')
  })

  it('is published unchanged in structured mode', async () => {
    const time = new Date(Date.now() - 60_000).toISOString()
    const body = `{ "specversion":"1.0","id":"1","source":"/x","type":"t","time":"${time}", "data":21.50}`
    assert.deepEqual(await published({ 'content-type': STRUCTURED }, body), {
      payload: body,
      contentType: STRUCTURED,
      userProperties: { time },
    })
  })

  it('gives its time as the time of measurement, if that is within the bounds', async () => {
    const reader = await at.pki.issue('reader')
    /** The time of measurement of the message with this payload, from the history. */
    async function timeOf(payload: string): Promise<string> {
      const path = '/history?filter=a/%23&from=-2d&format=ndjson'
      const { text } = await http1(at, reader, { path })
      const lines = text.trim().split('\n')
      const events = lines.map((line) => JSON.parse(line))
      const found = events.find((event) => event.payload === payload)
      assert.ok(found)
      return found.time
    }
    for (const [age, isTaken] of [
      [3_600_000, true],
      [365 * 86_400_000, false],
    ] as const) {
      const time = new Date(Date.now() - age).toISOString()
      const json = JSON.stringify({ ...EVENT, time, data: age })
      const binary = await published({ ...BINARY, 'ce-time': time }, String(age))
      const structured = await published({ 'content-type': STRUCTURED }, json)
      for (const { payload, userProperties } of [binary, structured]) {
        assert.equal(Date.parse(await timeOf(payload)) === Date.parse(time), isTaken)
        // the message is published either way
        assert.equal(userProperties.time, time)
      }
    }
  })

  it('is refused with the name of a missing or wrong attribute', async () => {
    for (const name of ['id', 'source', 'type']) {
      const { [`ce-${name}`]: _, ...rest } = BINARY
      for (const { status, json } of [
        await post(rest, '1'),
        await post({ ...BINARY, [`ce-${name}`]: '' }, '1'),
        await post({ 'content-type': STRUCTURED }, JSON.stringify({ ...EVENT, [name]: undefined })),
      ]) {
        assert.deepEqual([status, json.code], [400, 'cloud_event_invalid'])
        assert.match(json.detail, new RegExp(`the attribute ${name} is missing`))
      }
    }
    for (const [headers, body, detail] of [
      [{ ...BINARY, 'ce-specversion': '0.3' }, '1', /specversion must be 1\.0, not 0\.3/],
      [{ ...BINARY, 'ce-time': 'yesterday' }, '1', /the attribute time must be a time/],
      [{ ...BINARY, 'ce-time': '2026-99-24T08:00:00Z' }, '1', /the attribute time must be a time/],
      [{ ...BINARY, 'ce-time': '2026-02-30T08:00:00Z' }, '1', /the attribute time must be a time/],
      [{ ...BINARY, 'ce-my_name': 'x' }, '1', /the attribute name "my_name"/],
      [{ ...BINARY, 'ce-subject': '%zz' }, '1', /the attribute subject has a broken/],
      [{ 'content-type': STRUCTURED }, 'x', /the body is not a JSON object/],
      [{ 'content-type': STRUCTURED }, '[]', /the body is not a JSON object/],
      [{ 'content-type': STRUCTURED }, Buffer.from([0xff]), /the body is not a JSON object/],
      [
        { 'content-type': STRUCTURED },
        JSON.stringify({ ...EVENT, specversion: undefined }),
        /specversion is missing/,
      ],
      [{ 'content-type': STRUCTURED }, JSON.stringify({ ...EVENT, id: 5 }), /id must be a string/],
    ] as const) {
      const { status, json } = await post(headers, body)
      assert.deepEqual([status, json.code], [400, 'cloud_event_invalid'])
      assert.match(json.detail, detail)
    }
  })

  it('must be one event, and in JSON', async () => {
    for (const [type, path] of [
      ['application/cloudevents-batch+json', '/topics/a/b'],
      ['application/cloudevents-batch+json', '/topics'],
      ['application/cloudevents+avro', '/topics/a/b'],
    ] as const) {
      const { status, json } = await post({ 'content-type': type }, '[]', path)
      assert.deepEqual([status, json.code], [415, 'unsupported_media_type'])
    }
  })

  it('is published over HTTP/2, and again where only an attribute differs', async () => {
    const session = http2Session(at, device)
    const ask = (id: string) =>
      http2(
        session,
        {
          ':method': 'POST',
          ':path': '/topics/a/b',
          ...BINARY,
          'ce-id': id,
          'content-type': 'text/plain',
          'idempotency-key': 'one',
        },
        '1',
      )
    assert.equal((await ask('1')).status, 200)
    assert.equal((await ask('1')).headers['idempotency-replayed'], 'true')
    assert.equal((await ask('2')).json.code, 'idempotency_key_reused')
    session.close()
  })
})
