import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'

/** A TCP proxy on the loopback interface that can be made to misbehave. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Milliseconds by which data from the server is delayed. */
  delay: number
  /** Whether it passes nothing on, and keeps every connection open. */
  stalled: boolean
  /** The number of connections so far. */
  readonly connections: number
  /** Stops passing data over the current connections, which stay open, like a NAT that has forgotten them. */
  forget(): void
  /** Holds back data from the server until `release`. */
  hold(): void
  /** Resolves once that many chunks are held back. */
  held(count: number): Promise<void>
  release(): void
  /** Resets every connection, and each new one until `restore`. */
  cut(): void
  restore(): void
}

export interface TcpProxyOptions {
  /** Called for each connection; inspects data of the client before it is passed on. False resets the connection instead. */
  inspect?(): (chunk: Buffer) => boolean
}

export async function startTcpProxy(
  port: number,
  { inspect }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket) => {
    sockets.add(socket.setNoDelay(true))
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }
  const forgotten = new WeakSet<Socket>()
  let isCut = false
  let kept: (() => void)[] | null = null
  let noteKept = () => {}
  let connections = 0
  const server = createServer((client) => {
    if (isCut) return void client.resetAndDestroy()
    const there = connect(port, '127.0.0.1')
    connections += 1
    for (const socket of [client, there]) keep(socket)
    const mayPass = inspect?.()
    client.on('data', (chunk: Buffer) => {
      if (proxy.stalled || forgotten.has(client)) return
      if (mayPass?.(chunk) ?? true) there.write(chunk)
      else client.resetAndDestroy()
    })
    there.on('data', async (chunk) => {
      if (proxy.delay > 0) await setTimeout(proxy.delay)
      const pass = () => void (proxy.stalled || forgotten.has(client) || client.write(chunk))
      if (!kept) return pass()
      kept.push(() => client.write(chunk))
      noteKept()
    })
    client.on('close', () => there.destroy())
    there.on('close', () => forgotten.has(client) || client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: TcpProxy = {
    port: (server.address() as { port: number }).port,
    delay: 0,
    stalled: false,
    get connections() {
      return connections
    },
    forget() {
      for (const socket of sockets) forgotten.add(socket)
    },
    hold() {
      kept = []
    },
    async held(count) {
      while ((kept?.length ?? 0) < count) {
        const { promise, resolve } = Promise.withResolvers<void>()
        noteKept = resolve
        await promise
      }
    },
    release() {
      const pieces = kept ?? []
      kept = null
      for (const pass of pieces) pass()
    },
    cut() {
      isCut = true
      for (const socket of sockets) socket.resetAndDestroy()
    },
    restore() {
      isCut = false
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
  return proxy
}
