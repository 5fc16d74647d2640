import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { type Answer, http1, http2, http2Session } from '../support/clients.ts'
import { suitePublishing } from '../support/suite-gateway.ts'

const MiB = 1024 * 1024

describe('a compressed body', async () => {
  const { at, writer, messages } = await suitePublishing({
    acl: 'user writer\ntopic write #\nuser reader\ntopic read #\n',
    settings: { maxPayload: '128KiB', memoryBytesPerDevice: '1MiB' },
  })

  function post(path: string, encoding: string, body: Buffer, type?: string): Promise<Answer> {
    const headers = { 'content-encoding': encoding, ...(type ? { 'content-type': type } : {}) }
    return http1(at, writer, { path, method: 'POST', body, headers })
  }

  it('is published uncompressed', async () => {
    const payload = Buffer.from(randomBytes(60_000).toString('base64'))
    for (const [encoding, body] of [
      ['gzip', gzipSync(payload)],
      ['X-GZip', gzipSync(payload)],
      ['deflate', deflateSync(payload)],
      ['identity', payload],
    ] as const) {
      assert.equal((await post('/topics/a', encoding, body)).status, 200, encoding)
      assert.equal((await messages.next()).payload, payload.toString(), encoding)
    }
  })

  it('is accepted over HTTP/2, and with many readings', async () => {
    const session = http2Session(at, writer)
    const ask = { ':method': 'POST', ':path': '/topics', 'content-type': 'application/x-ndjson' }
    const lines = '{"topic":"a","payload":1}\n{"topic":"b","payload":2}\n'
    const answer = await http2(session, { ...ask, 'content-encoding': 'gzip' }, gzipSync(lines))
    session.close()
    assert.deepEqual(answer.json, { accepted: 2, refused: [] })
    assert.deepEqual([(await messages.next()).payload, (await messages.next()).payload], ['1', '2'])
  })

  it('is refused if it does not match its header', async () => {
    const whole = gzipSync('21.5')
    for (const [encoding, body] of [
      ['gzip', Buffer.from('21.5')],
      ['gzip', Buffer.alloc(0)],
      ['gzip', whole.subarray(0, -1)],
      ['gzip', Buffer.concat([whole, Buffer.from('more')])],
      ['gzip', Buffer.concat([whole, whole])],
      ['gzip', deflateSync('21.5')],
      ['deflate', deflateRawSync('21.5')],
    ] as const) {
      const { status, json } = await post('/topics/a', encoding, body)
      assert.deepEqual([status, json.code], [400, 'body_invalid'])
    }
  })

  it('is refused with an unknown encoding, and not published compressed', async () => {
    for (const encoding of ['br', 'zstd', 'compress', 'gzip, gzip', 'aws-chunked'])
      for (const [path, type] of [
        ['/topics/a', undefined],
        ['/topics', 'application/x-ndjson'],
      ] as const) {
        const { status, json } = await post(path, encoding, gzipSync('21.5'), type)
        assert.deepEqual([status, json.code], [415, 'content_encoding_unsupported'], encoding)
      }
  })

  it('has the same limit as an uncompressed body, at which a compression bomb stops', async () => {
    const most = Buffer.alloc(128 * 1024)
    assert.equal((await post('/topics/a', 'gzip', gzipSync(most))).status, 200)
    assert.equal((await messages.next()).payload.length, most.length)
    const above = gzipSync(Buffer.alloc(most.length + 1))
    assert.equal((await post('/topics/a', 'gzip', above)).json.code, 'payload_too_large')
    const bomb = gzipSync(Buffer.alloc(100 * MiB))
    assert.ok(bomb.length < 128 * 1024)
    const before = process.memoryUsage().arrayBuffers
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post('/topics/a', 'gzip', bomb)),
    )
    for (const { json } of answers) assert.match(json.code, /^(payload_too_large|quota_exceeded)$/)
    assert.ok(answers.some(({ json }) => json.code === 'payload_too_large'))
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * MiB)
    assert.equal((await post('/topics/a', 'gzip', gzipSync('after'))).status, 200)
    assert.equal((await messages.next()).payload, 'after')
  })

  it('is counted with its uncompressed size', async () => {
    // the compressed body fits into the budget of 1 MiB, but not together with the uncompressed one
    const lines = '\n'.repeat(MiB - 1)
    const { status, json } = await post('/topics', 'gzip', gzipSync(lines), 'application/x-ndjson')
    assert.deepEqual([status, json.code], [429, 'quota_exceeded'])
    assert.equal((await post('/topics/a', 'gzip', gzipSync('after'))).status, 200)
    assert.equal((await messages.next()).payload, 'after')
  })

  it('is refused on other paths', async () => {
    const { status, json } = await http1(at, null, {
      door: 'viewer',
      path: '/session',
      method: 'POST',
      body: gzipSync('{}'),
      headers: { 'content-encoding': 'gzip' },
    })
    assert.deepEqual([status, json.code], [415, 'content_encoding_unsupported'])
  })
})
