import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { type ExchangedRequest, exchange } from '../../src/lambda/exchange.ts'

const REQUEST: ExchangedRequest = {
  method: 'POST',
  url: '/topics/a/../b?qos=1',
  headers: new Map([
    ['host', ['iot.example.com']],
    ['x-twice', ['1', '2']],
    ['x-text', ['grün']],
    ['connection', ['keep-alive, x-text']],
    ['content-length', ['999']],
    ['expect', ['100-continue']],
    ['transfer-encoding', ['chunked']],
  ]),
  body: Buffer.from([0xff, 0x00, 0x0a]),
  address: '203.0.113.7',
}

function ask(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  request: Partial<ExchangedRequest> = {},
  signal = new AbortController().signal,
  onConnection: (served: Duplex) => void = () => {},
) {
  return exchange(createServer(answer), { ...REQUEST, ...request }, { onConnection, signal })
}

describe('an exchange in memory', () => {
  it('carries the request without headers of a connection', async () => {
    let served: Duplex | undefined
    let body: Buffer | undefined
    const answer = await ask(
      async (request, response) => {
        assert.deepEqual([request.method, request.url], ['POST', '/topics/a/../b?qos=1'])
        const { host, connection, expect, 'x-twice': twice, 'x-text': text } = request.headers
        assert.deepEqual(
          [host, connection, expect, twice],
          ['iot.example.com', 'close', undefined, '1, 2'],
        )
        assert.equal(request.headers['content-length'], '3')
        assert.equal(Buffer.from(String(text), 'latin1').toString(), 'grün')
        assert.equal(request.socket, served)
        assert.equal(request.socket.remoteAddress, '203.0.113.7')
        body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
        response.writeHead(201, { 'x-answer': 'yes' }).end(Buffer.from([0x80]))
      },
      {},
      undefined,
      (end) => {
        served = end
      },
    )
    assert.deepEqual(body, REQUEST.body)
    assert.equal(answer.status, 201)
    assert.equal(answer.headers['x-answer'], 'yes')
    assert.deepEqual(answer.body, Buffer.from([0x80]))
  })

  it('carries a large body and a large answer', async () => {
    const body = Buffer.alloc(5_000_000, 'x')
    const answer = await ask((request, response) => void request.pipe(response), { body })
    assert.equal(answer.body.length, body.length)
  })

  it('rejects requests that HTTP cannot carry', async () => {
    const never = () => assert.fail('nothing was sent')
    for (const request of [
      { headers: new Map([['x-a', ['1\r\nx-b: 2']]]) },
      { headers: new Map([['x a', ['1']]]) },
      { method: 'GET /x HTTP/1.1\r\n' },
      { url: '/a b' },
    ])
      await assert.rejects(ask(never, request), { name: /TypeError/ })
  })

  it('rejects when the answer breaks off or is late', async () => {
    await assert.rejects(
      ask((request) => void request.socket.destroy()),
      { code: 'ECONNRESET' },
    )
    const timeout = new AbortController()
    await assert.rejects(
      ask(() => timeout.abort(), {}, timeout.signal),
      { name: 'AbortError' },
    )
  })
})
