import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { until } from '../support/until.ts'

describe('the history', () => {
  let at: TestGateway
  let reader: Credentials
  let other: Credentials
  const get = (query: string, who = reader, method = 'GET') =>
    http1(at, who, { path: `/history?${query}`, method })
  before(async () => {
    at = await startGateway({
      acl: 'user reader\ntopic readwrite a/#\nuser other\ntopic read a/#\ntopic deny a/secret\n',
      settings: { publishRate: '0' },
    })
    reader = await at.pki.issue('reader')
    other = await at.pki.issue('other')
    const client = await mqtt(at, reader)
    const payload = 'x'.repeat(100_000)
    for (let left = 200; left > 0; left--) await client.publishAsync('a/large', payload, { qos: 1 })
    for (const [topic, body] of [
      ['a/secret', '1'],
      ['a/deep', '['.repeat(100_000)],
      ['a/number', '{"n":1}'],
    ] as const)
      await client.publishAsync(topic, body, { qos: 1 })
    await client.endAsync()
  })
  after(() => at[Symbol.asyncDispose]())

  it('never shows denied messages, with any filter, format or bucket', async () => {
    for (const filter of ['filter=a/secret', 'filter=a/%23', 'filter=+/secret', 'filter=%23'])
      for (const more of ['', '&format=csv', '&format=ndjson', '&every=1d', '&order=desc']) {
        const { text } = await get(`${filter}${more}&limit=5`, other)
        assert.ok(!text.includes('"topic":"a/secret"') && !text.includes(',a/secret,'), filter)
      }
    const stranger = await at.pki.issue('stranger')
    for (const filter of ['%23', 'a/number']) {
      const { status, json } = await get(`filter=${filter}`, stranger)
      assert.deepEqual([status, json.code], [403, 'read_denied'])
    }
  })

  it('refuses invalid queries', async () => {
    const many = Array.from({ length: 65 }, () => 'filter=a').join('&')
    for (const [query, code] of [
      ['', 'query_invalid'],
      [many, 'query_invalid'],
      ['filter=a/%23/b', 'topic_invalid'],
      ['filter=', 'topic_invalid'],
      ['filter=a%00', 'topic_invalid'],
      ['filter=%24share/g/a', 'topic_invalid'],
      ['filter=a/b&after=0-1', 'query_invalid'],
      ['filter=a/b&after=%0d%0aset-cookie:x', 'query_invalid'],
      ['filter=a/b&limit=99999999999999999999', 'query_invalid'],
      ['filter=a/b&every=999999999w', 'query_invalid'],
      ['filter=a/b&field=__proto__', 'query_invalid'],
      ['filter=a/b&from=1%0d%0ax:y', 'query_invalid'],
    ] as const) {
      const { json } = await get(query)
      assert.equal(json.code, code, query)
    }
    for (const method of ['POST', 'PUT', 'DELETE'])
      assert.equal((await get('filter=a/b', reader, method)).status, 405)
  })

  it('handles unexpected payloads and JSON members', async () => {
    for (const field of ['n', '__proto__', 'constructor.name.length', 'n.n.n.n'])
      for (const filter of ['a/deep', 'a/number']) {
        const { status, json } = await get(`filter=${filter}&every=1d&field=${field}`)
        assert.equal(status, 200)
        assert.equal(json.buckets.length, field === 'n' && filter === 'a/number' ? 1 : 0)
      }
  })

  it('limits the parallel answers of one reader, and frees them at the end', async () => {
    // 20 MB do not fit into the socket buffers
    const path = '/history?filter=a/large&limit=1000'
    const open = async () => {
      const sent = request({
        host: '127.0.0.1',
        port: at.ports.device,
        path,
        agent: false,
        ca: at.pki.authority.certificate,
        cert: reader.certificate,
        key: reader.key,
      }).end()
      const [response] = await once(sent, 'response')
      return { sent, response }
    }
    const opened = await Promise.all(Array.from({ length: 8 }, open))
    assert.ok(opened.every(({ response }) => response.statusCode === 200))
    const refused = await get('filter=a/large')
    assert.deepEqual([refused.status, refused.json.code], [429, 'rate_limited'])
    assert.equal(refused.headers['retry-after'], '1')
    assert.equal((await get('filter=a/number', other)).status, 200)
    for (const { sent } of opened) sent.destroy()
    await until(
      () => get('filter=a/number'),
      ({ status }) => status === 200,
    )
    const session = http2Session(at, reader)
    // one more than may be open at a time
    for (let left = 9; left > 0; left--) {
      const answer = await http2(session, { ':path': '/history?filter=a/large&limit=20' })
      assert.equal(answer.json.entries.length, 20)
    }
    session.close()
    assert.deepEqual(
      at.log.filter(({ level, msg }) => /error|warn/.test(`${level}`) && !/^denied/.test(`${msg}`)),
      [],
    )
  })

  it('does not delay publishers', async () => {
    const session = http2Session(at, reader)
    const reads = Array.from({ length: 8 }, () =>
      http2(session, { ':path': '/history?filter=a/%23&every=1s&field=n' }),
    )
    const answered = await http1(at, reader, { path: '/topics/a/b', method: 'POST', body: '1' })
    assert.equal(answered.status, 200)
    for (const { status } of await Promise.all(reads)) assert.equal(status, 200)
    session.close()
  })
})
