import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import dns from 'node:dns/promises'
import { once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it, mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { listen } from '../../src/door/listen.ts'
import type { DoorOptions } from '../../src/door/options.ts'
import type { Receive } from '../../src/door/steps.ts'
import { UsageError } from '../../src/errors.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { freePort } from '../support/free-port.ts'

function options(more: Partial<DoorOptions> = {}): DoorOptions {
  return {
    door: 'mqtt',
    address: { host: '127.0.0.1', port: 0 },
    maxConnections: 10,
    meter: silentMeter,
    ...more,
  }
}

/** Accepts every connection. */
const everybody = {
  admit: (socket: Socket, begin: Receive) => begin(socket),
  identified: () => null,
  claim() {},
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

describe('a door', () => {
  it('reports the address that it listens on', async () => {
    const door = await listen(createServer(), options())
    assert.equal(door.address, `127.0.0.1:${door.port}`)
    const ipv6 = await listen(createServer(), options({ address: { host: '::1', port: 0 } }))
    assert.equal(ipv6.address, `[::1]:${ipv6.port}`)
    await Promise.all([door.close(), ipv6.close()])
  })

  it('listens on every address of a name, with the same bounds', async () => {
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
    mock.method(dns, 'lookup', async () => addresses)
    syncBuiltinESMExports()
    const server = createServer((socket) => socket.end('hello'))
    const door = await listen(server, options({ address: { host: 'here.example', port: 0 } }))
    mock.restoreAll()
    syncBuiltinESMExports()
    assert.equal(door.address, `127.0.0.1:${door.port}, 127.0.0.2:${door.port}`)
    for (const { address } of addresses) {
      const socket = connect(door.port, address)
      assert.equal(String((await once(socket, 'data'))[0]), 'hello')
      await once(socket, 'close')
    }
    await door.close()
    for (const { address } of addresses)
      await assert.rejects(once(connect(door.port, address), 'connect'), { code: 'ECONNREFUSED' })
  })

  it('fails with its name and a remedy where it cannot listen', async () => {
    const first = await listen(createServer(), options())
    const address = { host: '127.0.0.1', port: first.port }
    for (const [where, reason] of [
      [address, /another program already listens/],
      [{ host: '192.0.2.1', port: 0 }, /no such address/],
      [{ host: 'nowhere.invalid', port: 0 }, /no such address|EAI_AGAIN/],
    ] as const)
      await assert.rejects(listen(createServer(), options({ address: where })), (error: Error) => {
        assert.ok(error instanceof UsageError)
        assert.match(error.message, /^the mqtt door cannot listen on /)
        assert.match(error.message, reason)
        return true
      })
    await first.close()
  })

  it('cannot be opened twice, although several sockets share its address', async () => {
    const door = await listen(createServer(), options({ admission: everybody }))
    assert.equal(door.address, `127.0.0.1:${door.port}`)
    const address = { host: '127.0.0.1', port: door.port }
    for (const admission of [everybody, undefined])
      await assert.rejects(listen(createServer(), options({ address, admission })), {
        message: /another program already listens/,
      })
    await door.close()
  })

  it('accepts every connection that comes while it starts', async (t) => {
    const port = await freePort()
    const answers: Promise<string>[] = []
    const listened = channel('tracing:net.server.listen:asyncEnd')
    const ask = () => void answers.push(text(connect(port, '127.0.0.1')))
    listened.subscribe(ask)
    t.after(() => listened.unsubscribe(ask))
    const server = createServer((socket) => socket.end('hello'))
    const address = { host: '127.0.0.1', port }
    const door = await listen(server, options({ admission: everybody, address }))
    t.after(() => door.close())
    assert.ok(answers.length > 1)
    assert.deepEqual(await Promise.all(answers), Array(answers.length).fill('hello'))
  })

  it('accepts more than one connection in each turn of the event loop', async () => {
    const server = createServer()
    let accepted = 0
    server.on('connection', () => {
      accepted += 1
    })
    const door = await listen(server, options({ admission: everybody, maxConnections: 100 }))
    const sockets = Array.from({ length: 64 }, () => connect(door.port, '127.0.0.1'))
    let turns = 0
    while (accepted < sockets.length) {
      const before = accepted
      await nextTurn()
      if (accepted > before) turns += 1
    }
    for (const socket of sockets) socket.destroy()
    await door.close()
    assert.ok(turns < sockets.length / 2, `${turns} turns`)
  })

  it('ends a connection that its client ends, on any of its sockets', async () => {
    const server = createServer((socket) => socket.resume())
    const door = await listen(server, options({ admission: everybody, maxConnections: 100 }))
    const sockets = Array.from({ length: 64 }, () => connect(door.port, '127.0.0.1').resume())
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
    for (const socket of sockets) socket.end()
    await closed
    await door.close()
  })

  it('counts connections as they come and go', async () => {
    const counted: string[] = []
    const gone = Promise.withResolvers<void>()
    const meter = {
      ...silentMeter,
      connectionOpened: (door: string) => counted.push(`${door} opened`),
      connectionClosed(door: string) {
        counted.push(`${door} closed`)
        gone.resolve()
      },
    }
    const server = createServer()
    const door = await listen(server, options({ meter }))
    const accepted = once(server, 'connection')
    const socket = await dial(door.port)
    await accepted
    assert.deepEqual(counted, ['mqtt opened'])
    socket.destroy()
    await gone.promise
    assert.deepEqual(counted, ['mqtt opened', 'mqtt closed'])
    await door.close()
  })

  it('sends written data at once', async () => {
    const server = createServer()
    const delays: boolean[] = []
    server.on('connection', (socket) => {
      const { setNoDelay } = socket
      socket.setNoDelay = (on) => {
        delays.push(on === true)
        return setNoDelay.call(socket, on)
      }
    })
    const door = await listen(server, options())
    const accepted = once(server, 'connection')
    const socket = await dial(door.port)
    await accepted
    assert.deepEqual(delays, [true])
    socket.destroy()
    await door.close()
  })

  it('closes connections beyond its bound', async () => {
    const cut: unknown[] = []
    const meter = { ...silentMeter, connectionCut: (...what: unknown[]) => void cut.push(what) }
    let full = 0
    const onFull = () => {
      full += 1
    }
    const door = await listen(createServer(), options({ maxConnections: 1, meter, onFull }))
    const first = await dial(door.port)
    const second = await dial(door.port)
    await once(second.resume(), 'close')
    assert.equal(first.destroyed, false)
    assert.deepEqual([cut, full], [[['mqtt', 'max_connections']], 1])
    first.destroy()
    await door.close()
  })

  it('keeps its connections when it stops accepting, and closes them when it closes', async () => {
    const server: Server = createServer()
    const door = await listen(server, options())
    const accepted = once(server, 'connection')
    const socket = await dial(door.port)
    const [inside] = (await accepted) as [Socket]
    door.stopAccepting()
    await assert.rejects(dial(door.port), { code: 'ECONNREFUSED' })
    inside.write('still here')
    assert.equal(String((await once(socket, 'data'))[0]), 'still here')
    const closed = once(socket.resume(), 'close')
    await Promise.all([door.close(), door.close()])
    await closed
  })

  it('ends a connection that does not finish its handshake', async () => {
    const refused: string[] = []
    const meter = {
      ...silentMeter,
      handshake: (door: string, result: string) => refused.push(`${door} ${result}`),
    }
    const server = createTlsServer({ handshakeTimeout: 50 })
    const door = await listen(server, options({ meter }))
    const silent = await dial(door.port)
    await once(silent.resume(), 'close')
    assert.deepEqual(refused, ['mqtt refused'])
    await door.close()
  })
})
