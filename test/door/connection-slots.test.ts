import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { availableSlots, createConnectionSlots } from '../../src/door/connection-slots.ts'
import { listen } from '../../src/door/listen.ts'
import { silentMeter } from '../../src/metrics/meter.ts'

async function twoDoors(context: TestContext, total: number, maxConnections: number) {
  const slots = createConnectionSlots(total)
  const cuts: string[] = []
  const meter = { ...silentMeter, connectionCut: (_: unknown, why: string) => cuts.push(why) }
  const open = async (door: 'device' | 'mqtt') => {
    const server = createServer()
    const address = { host: '127.0.0.1', port: 0 }
    const opened = await listen(server, { door, address, maxConnections, slots, meter })
    context.after(() => opened.close())
    return {
      async take(): Promise<Socket> {
        const [socket] = await Promise.all([
          Promise.resolve(connect((server.address() as AddressInfo).port, '127.0.0.1')),
          once(server, 'connection'),
        ])
        context.after(() => socket.destroy())
        return socket
      },
      async isFull(): Promise<void> {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
        socket.on('error', () => {})
        await Promise.all([once(server, 'drop'), once(socket, 'close')])
      },
      async freed(socket: Socket): Promise<void> {
        const before = server.maxConnections
        socket.destroy()
        while (server.maxConnections === before) await new Promise((next) => setImmediate(next))
      },
    }
  }
  return { doors: [await open('device'), await open('mqtt')] as const, cuts }
}

describe('the slots of several doors', () => {
  it('go to the first connections, and to none beyond the total', async (context) => {
    const { doors, cuts } = await twoDoors(context, 3, 10)
    const [one, other] = doors
    const first = await one.take()
    await one.take()
    await other.take()
    await other.isFull()
    await one.isFull()
    assert.deepEqual(cuts, ['descriptors', 'descriptors'])
    await other.freed(first)
    await other.take()
  })

  it('are also bounded per door', async (context) => {
    const { doors, cuts } = await twoDoors(context, 5, 1)
    await doors[0].take()
    await doors[0].isFull()
    assert.deepEqual(cuts, ['max_connections'])
    await doors[1].take()
  })

  it('are fewer than the file descriptors of the process', async () => {
    const spare = await availableSlots()
    assert.ok(spare >= 1 && spare < 2 ** 31, String(spare))
  })
})
