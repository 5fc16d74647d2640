import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A wire to a port of the loopback interface that can go dead without a sign, as through a NAT that forgets. */
export interface Swallower extends AsyncDisposable {
  readonly port: number
  /** Nothing more passes on the connections that there are, in either direction; new ones work. */
  swallow(): void
  /** What the server sends is kept back from now on. */
  hold(): void
  /** Resolves once so many pieces are kept back. */
  held(count: number): Promise<void>
  /** Hands on what was kept back. */
  release(): void
  connections(): number
}

export async function startSwallower(to: number): Promise<Swallower> {
  const sockets = new Set<Socket>()
  const dead = new WeakSet<Socket>()
  const kept: (() => void)[] = []
  let isHolding = false
  let count = 0
  let wake = () => {}
  const server = createServer((client) => {
    count += 1
    const broker = connect(to, '127.0.0.1')
    for (const [from, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (piece) => {
        if (dead.has(client)) return
        if (isHolding && from === broker) {
          kept.push(() => other.write(piece))
          wake()
        } else other.write(piece)
      })
      from.on('error', () => {})
      from.on('close', () => {
        if (!dead.has(client)) other.destroy()
        sockets.delete(from)
        if (from === client) dead.add(client)
      })
    }
    // found again by both of its ends
    server.on('swallow', () => dead.add(client))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => void server.emit('swallow'),
    hold() {
      isHolding = true
    },
    async held(wanted) {
      while (kept.length < wanted) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await promise
      }
    },
    release() {
      isHolding = false
      for (const hand of kept.splice(0)) hand()
    },
    connections: () => count,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
