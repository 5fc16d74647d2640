import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { parseNoMore } from '../../src/http/last-request.ts'
import { untilClosed } from '../support/raw.ts'
import { until } from '../support/until.ts'

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

describe('the last request of an HTTP/1.1 connection', () => {
  // its answers begin, and do not end
  let server: Server
  const requests: IncomingMessage[] = []
  // the parsers that are in use, by the ids of their resources
  const parsers = new Set<number>()
  let begun = 0
  const hook = createHook({
    init(id, type) {
      if (type !== 'HTTPINCOMINGMESSAGE') return
      parsers.add(id)
      begun += 1
    },
    destroy: (id) => parsers.delete(id),
  })

  before(async () => {
    hook.enable()
    server = createServer((request, response) => {
      requests.push(request)
      response.writeHead(200, { connection: 'close' }).flushHeaders()
      parseNoMore(request)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    hook.disable()
  })

  async function asked(): Promise<{ client: Socket; socket: Socket }> {
    const before = begun
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write(GET)
    await once(client, 'data')
    assert.ok(begun > before, 'this version of Node names its parsers otherwise')
    return { client, socket: requests.at(-1)?.socket as Socket }
  }

  it('frees its parser, and its answer goes on', async () => {
    const { client, socket } = await asked()
    await until(
      () => parsers.size,
      (size) => size === 0,
    )
    socket.write('more')
    assert.equal(String((await once(client, 'data'))[0]), 'more')
    client.destroy()
    await once(socket, 'close')
  })

  it('ends with the connection when its client ends its side', async () => {
    const { client } = await asked()
    client.end()
    assert.equal(await untilClosed(client), '')
  })

  it('is followed by no other: a client that sends one is disconnected', async () => {
    const { client, socket } = await asked()
    await until(
      () => parsers.size,
      (size) => size === 0,
    )
    const handled = requests.length
    client.write(GET)
    await once(socket, 'close')
    assert.equal(requests.length, handled)
    client.destroy()
  })

  it('may come in pieces', async () => {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n12')
    await once(client, 'data')
    const request = requests.at(-1) as IncomingMessage
    client.write('34')
    assert.equal((await request.setEncoding('latin1').toArray()).join(''), '1234')
    client.destroy()
    await once(request.socket, 'close')
  })
})
