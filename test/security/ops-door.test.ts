import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { rawAnswers, untilClosed } from '../support/raw.ts'

describe('attacks on the ops door', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({ settings: { opsHosts: 'metrics.example.org, Other.example' } })
  })
  after(() => at[Symbol.asyncDispose]())

  async function ask(headers: string): Promise<number | undefined> {
    const socket = connect(at.ports.ops, '127.0.0.1')
    await once(socket, 'connect')
    socket.write(`GET /livez HTTP/1.1\r\nConnection: close\r\n${headers}\r\n`)
    return rawAnswers(await untilClosed(socket))[0]?.status
  }

  it('a page whose name was made to point at this machine (DNS rebinding) gets nothing', async () => {
    for (const host of [
      'evil.example',
      'evil.example:9464',
      '127.0.0.1.evil.example',
      'localhost.',
    ])
      assert.equal(await ask(`Host: ${host}\r\n`), 403, host)
    for (const host of [
      ...['127.0.0.1', '127.0.0.1:9464', '[::1]:9464', '[::1]', 'localhost:9464', 'LOCALHOST'],
      ...['wott-gateway:9464', 'metrics.example.org', 'other.example:1'],
    ])
      assert.equal(await ask(`Host: ${host}\r\n`), 200, host)
  })

  it('an ambiguous request is answered 400', async () => {
    for (const headers of [
      'Host: localhost\r\nHost: localhost\r\n',
      'Host: localhost\r\nTransfer-Encoding: gzip, chunked\r\n',
    ])
      assert.equal(await ask(headers), 400, headers)
  })
})
