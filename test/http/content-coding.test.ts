import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { it } from 'node:test'
import { deflateSync, gzipSync } from 'node:zlib'
import { GatewayError } from '../../src/errors.ts'
import { codingIn, createDecoder } from '../../src/http/content-coding.ts'

it('a Content-Encoding is gzip, deflate or none', () => {
  const found = [undefined, '', 'identity', ' GZIP ', 'x-gzip', 'Deflate'].map((header) =>
    codingIn(header, true),
  )
  assert.deepEqual(found, [null, null, null, 'gzip', 'gzip', 'deflate'])
})

it('other codings are refused, and all of them where none is decoded', () => {
  for (const [header, isDecoded] of [
    ['br', true],
    ['gzip, gzip', true],
    ['gzip', false],
  ] as const) {
    const refusal = codingIn(header, isDecoded)
    assert.ok(refusal instanceof GatewayError, header)
    assert.equal(refusal.code, 'content_encoding_unsupported')
  }
  assert.equal(codingIn('identity', false), null)
})

it('a body is decoded, but not with bytes after its end', async () => {
  const text = 'a'.repeat(100_000)
  for (const [coding, bytes] of [
    ['gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
  ] as const) {
    const decode = (body: Buffer) => {
      const decoder = createDecoder(coding)
      decoder.end(body)
      return buffer(decoder)
    }
    assert.equal(String(await decode(bytes)), text)
    for (const broken of [Buffer.concat([bytes, Buffer.from('x')]), bytes.subarray(0, -1)])
      await assert.rejects(decode(broken), coding)
  }
})
