import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { it, type TestContext } from 'node:test'
import { type FirstBytes, readFirstBytes, type Unfinished } from '../../src/net/first-bytes.ts'

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
    const decide: FirstBytes<string>['decide'] = (bytes) => {
      const end = bytes.indexOf(':')
      return end < 0 ? null : { taken: end + 1, says: bytes.toString('latin1', 0, end) }
    }
    readFirstBytes(socket, { decide, deadlineMs, onDecided: resolve, onUnfinished: resolve })
  })
}

it('the first bytes are taken, and the rest is left for others', async (context) => {
  const [client, socket] = await connected(context)
  const decided = untilColon(socket)
  client.write('na')
  client.write('me:rest')
  assert.equal(await decided, 'name')
  const [rest] = await once(socket, 'data')
  assert.equal(String(rest), 'rest')
  assert.deepEqual([socket.listenerCount('readable'), socket.destroyed], [0, false])
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
