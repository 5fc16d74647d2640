import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { type Answer, curl, http1, http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

describe('a retained message', () => {
  let at: TestGateway
  let writer: Credentials
  let reader: Credentials

  before(async () => {
    at = await startGateway({
      acl: 'user writer\ntopic write #\nuser reader\ntopic read open/#\n',
    })
    writer = await at.pki.issue('writer')
    reader = await at.pki.issue('reader')
    await retain('open/bytes', BYTES)
    await retain('open/qos1', '21.5', '&qos=1')
    await retain('secret/x', 'hidden')
  })
  after(() => at[Symbol.asyncDispose]())

  async function retain(topic: string, body: string | Buffer, more = ''): Promise<void> {
    const path = `/topics/${topic}?retain=true${more}`
    const { status } = await http1(at, writer, { path, method: 'POST', body })
    assert.equal(status, 200)
  }

  const get = (path: string): Promise<Answer> => http1(at, reader, { path })

  it('is returned byte for byte, over HTTP/1.1 and HTTP/2', async () => {
    const session = http2Session(at, reader)
    for (const answer of [
      await get('/topics/open/bytes'),
      await http2(session, { ':path': '/topics/open%2Fbytes' }),
    ]) {
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.body, BYTES)
      assert.equal(answer.headers['content-type'], 'application/octet-stream')
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      assert.equal(answer.headers['cache-control'], 'no-store')
    }
    session.close()
  })

  it('can be read with curl', async () => {
    const url = `https://localhost:${at.ports.device}/topics/open/qos1`
    assert.equal((await curl(reader, reader.caFile, url)).stdout, '21.5')
  })

  it('is listed in the format of AWS IoT, if it may be read', async () => {
    const { status, headers, json } = await get('/retainedMessage')
    assert.equal(status, 200)
    assert.equal(headers['cache-control'], 'no-store')
    const topics = json.retainedTopics.map(({ topic }: { topic: string }) => topic)
    assert.deepEqual(topics.slice(0, 2), ['open/bytes', 'open/qos1'])
    assert.ok(topics.every((topic: string) => topic.startsWith('open/')))
    assert.equal(json.nextToken, undefined)
    const first = await get('/retainedMessage?maxResults=1')
    assert.deepEqual(first.json.retainedTopics, json.retainedTopics.slice(0, 1))
    const rest = await get(`/retainedMessage?nextToken=${first.json.nextToken}`)
    assert.deepEqual(rest.json.retainedTopics, json.retainedTopics.slice(1))
    for (const query of [
      'maxResults=0',
      'maxResults=201',
      'maxResults=x',
      'nextToken=%25',
      'max=1',
    ])
      assert.equal((await get(`/retainedMessage?${query}`)).json.code, 'query_invalid', query)
  })

  it('is returned in the format of AWS IoT', async () => {
    const earliest = Date.now()
    await retain('open/aws', BYTES, '&qos=1')
    const { status, headers, json } = await get('/retainedMessage/open/aws')
    assert.equal(status, 200)
    assert.match(String(headers['content-type']), /^application\/json\b/)
    const { lastModifiedTime, ...rest } = json
    const payload = BYTES.toString('base64')
    assert.deepEqual(rest, { topic: 'open/aws', payload, qos: 1, userProperties: null })
    assert.ok(lastModifiedTime >= earliest && lastModifiedTime <= Date.now())
    assert.equal((await get('/retainedMessage/open%2Faws')).json.topic, 'open/aws')
  })

  it('is not found where there is none', async () => {
    for (const route of ['topics', 'retainedMessage']) {
      const { status, json } = await get(`/${route}/open/never`)
      assert.deepEqual([status, json.code], [404, 'not_retained'])
    }
  })

  it('is hidden from clients without the right, whether it exists or not', async () => {
    for (const route of ['topics', 'retainedMessage'])
      for (const topic of ['secret/x', 'secret/never', 'secret%2Fx', '%73ecret/x']) {
        const { status, json } = await get(`/${route}/${topic}`)
        assert.deepEqual([status, json.code], [403, 'read_denied'], topic)
        assert.match(json.detail, /reader/)
      }
  })

  it('is read by its topic, not by a filter', async () => {
    for (const route of ['topics', 'retainedMessage'])
      for (const topic of ['open/+', 'open/%23', '', '%00', '%zz', '$SYS/x', '%FF']) {
        const { status, json } = await get(`/${route}/${topic}`)
        assert.deepEqual([status, json.code], [400, 'topic_invalid'], topic)
      }
  })

  it('is hidden as soon as new rules deny it', async () => {
    assert.equal((await get('/topics/open/qos1')).status, 200)
    await writeFile(at.aclFile, 'user reader\ntopic read other\n')
    await at.gateway.reload()
    assert.equal((await get('/topics/open/qos1')).json.code, 'read_denied')
  })
})
