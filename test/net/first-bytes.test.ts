import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { it, type TestContext } from 'node:test'
import { createFirstBytes, type Decide, type Unfinished } from '../../src/net/first-bytes.ts'

/** A client, and the other end of its connection. */
async function connected(context: TestContext): Promise<[client: Socket, socket: Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const client = connect(port, '127.0.0.1').on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  context.after(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return [client, socket]
}

/** Reads until a colon, which is taken with all before it. */
function untilColon(socket: Socket, deadlineMs = 60_000) {
  return new Promise<string | Unfinished>((resolve) => {
    const decide: Decide<string> = (bytes) => {
      const end = bytes.indexOf(':')
      return end < 0 ? null : { taken: end + 1, says: bytes.toString('latin1', 0, end) }
    }
    createFirstBytes({
      decide,
      deadlineMs,
      onDecided: (_socket, says) => resolve(says),
      onUnfinished: (_socket, how) => resolve(how),
    })(socket)
  })
}

it('the first bytes are taken, and the rest is left for others', async (context) => {
  const [client, socket] = await connected(context)
  const decided = untilColon(socket)
  client.write('na')
  client.write('me:rest')
  assert.equal(await decided, 'name')
  const listeners = ['data', 'end'].map((event) => socket.listenerCount(event))
  const [rest] = await once(socket.resume(), 'data')
  assert.equal(String(rest), 'rest')
  // Node itself has one for `end`
  assert.deepEqual([listeners, socket.destroyed], [[0, 1], false])
})

it('bytes that an earlier reader left count too', async (context) => {
  const [client, socket] = await connected(context)
  client.write('a:b:c')
  assert.deepEqual([await untilColon(socket), await untilColon(socket)], ['a', 'b'])
})

it('a connection that closes too early, or says nothing in time, is destroyed', async (context) => {
  const [client, socket] = await connected(context)
  const closed = untilColon(socket)
  client.end('123')
  assert.deepEqual(await closed, { ended: 'closed', bytes: 3 })
  const [, silent] = await connected(context)
  assert.deepEqual(await untilColon(silent, 1), { ended: 'late', bytes: 0 })
  assert.deepEqual([socket.destroyed, silent.destroyed], [true, true])
})
