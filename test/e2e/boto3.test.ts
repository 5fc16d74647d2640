import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { http1, run } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

type Call = readonly [method: string, args: Record<string, unknown>]

describe("boto3's iot-data, with a client certificate", () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({ acl: 'user thing\ntopic readwrite dt/#\ntopic write secret\n' })
    device = await at.pki.issue('thing')
  })
  after(() => at[Symbol.asyncDispose]())

  /** Makes calls with Debian's python3-boto3, and returns their results. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the gateway answered is then asserted
  async function call(...calls: Call[]): Promise<any[]> {
    const client = join(import.meta.dirname, '../support/boto3-client.py')
    const args = [client, `${at.ports.device}`, device.caFile, device.certFile, device.keyFile]
    const { code, stdout, stderr } = await run('/usr/bin/python3', args, JSON.stringify(calls))
    assert.equal(code, 0, stderr)
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  it('publishes with all MQTT 5 properties', async () => {
    const pairs = [{ room: 'kitchen' }, { floor: '1' }]
    const more = { topic: 'dt/a b/ü', qos: 1, retain: true, payload: '21.5' }
    const properties = {
      contentType: 'text/plain',
      messageExpiry: 600,
      payloadFormatIndicator: 'UTF8_DATA',
      correlationData: 'AP8=',
      responseTopic: 'dt/answers',
      userProperties: pairs,
    }
    const [published, got, text] = await call(
      ['publish', { ...more, ...properties }],
      ['get_retained_message', { topic: more.topic }],
      // user properties may also be given as text
      ['publish', { ...more, topic: 'dt/text', userProperties: JSON.stringify(pairs) }],
    )
    for (const { ResponseMetadata } of [published, text]) {
      assert.equal(ResponseMetadata.HTTPStatusCode, 200)
      assert.match(ResponseMetadata.RequestId, /^[\da-f-]{36}$/)
    }
    assert.deepEqual([got.topic, got.qos], [more.topic, 1])
    assert.equal(Buffer.from(got.payload, 'base64').toString(), '21.5')
    // Debian's boto3 is too old for this member of the answer
    for (const topic of [more.topic, 'dt/text']) {
      const path = `/retainedMessage/${encodeURIComponent(topic)}`
      const { json } = await http1(at, device, { path })
      const userProperties = Buffer.from(json.userProperties, 'base64').toString()
      assert.deepEqual(JSON.parse(userProperties), pairs)
    }
  })

  it('lists retained messages page by page', async () => {
    const topics = Array.from({ length: 7 }, (_, index) => `dt/list/${index}`)
    const retain = (topic: string): Call => ['publish', { topic, retain: true, payload: 'x' }]
    await call(...topics.map(retain), retain('secret'))
    const [all, first] = await call(['paginate', {}], ['list_retained_messages', { maxResults: 2 }])
    assert.deepEqual(
      all.topics.filter((topic: string) => topic.startsWith('dt/list/')),
      topics,
    )
    assert.ok(!all.topics.includes('secret'))
    assert.deepEqual(all.topics, all.topics.toSorted())
    assert.equal(first.retainedTopics.length, 2)
    const [{ topic, payloadSize, qos, lastModifiedTime }] = first.retainedTopics
    assert.deepEqual(
      [topic, payloadSize, qos, typeof lastModifiedTime],
      [all.topics[0], 4, 1, 'number'],
    )
    const [small] = await call(['paginate', { PaginationConfig: { PageSize: 2 } }])
    assert.deepEqual(small.topics, all.topics)
  })

  it('raises its own errors', async () => {
    const answers = await call(
      ['publish', { topic: 'elsewhere', payload: '1' }],
      ['publish', { topic: 'a/+', payload: '1' }],
      ['get_retained_message', { topic: 'dt/nothing' }],
      ['list_retained_messages', { maxResults: 200, nextToken: '%' }],
    )
    assert.deepEqual(
      answers.map(({ code }) => code),
      [
        ...['ForbiddenException', 'InvalidRequestException', 'ResourceNotFoundException'],
        'InvalidRequestException',
      ],
    )
    for (const { Error: error, ResponseMetadata } of answers) {
      assert.ok(error.Message)
      assert.ok(ResponseMetadata.RequestId)
    }
  })
})
