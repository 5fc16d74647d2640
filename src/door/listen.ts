import type { AddressInfo, Server, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ListenAddress } from '../config/values.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import type { Door, Meter } from '../metrics/meter.ts'

/** A door that listens. */
export interface OpenDoor {
  readonly door: Door
  /** `HOST:PORT`, with the port it really got. */
  readonly address: string
  readonly port: number
  /** Takes no new connection; those there are stay. */
  stopAccepting(): void
  /** Ends what is still connected; may be called again. */
  close(): Promise<void>
}

export interface DoorOptions {
  readonly door: Door
  readonly address: NonNullable<ListenAddress>
  readonly maxConnections: number
  readonly meter: Meter
  /** Why a connection is not let in although its handshake is done; null when it is. */
  readonly refusal?: ((socket: TLSSocket) => Error | null) | undefined
  /** Told of each connection that is refused, in its handshake or after it. */
  readonly onRefused?: ((socket: TLSSocket, error: Error) => void) | undefined
  /** Told of each connection that is refused because as many are open as may be. */
  readonly onFull?: (() => void) | undefined
  /** How this server is told to listen, where it is not its own `listen`. */
  readonly bind?: ((host: string, port: number) => Promise<unknown>) | undefined
}

const KEEP_ALIVE_MS = 60_000

/** Opens one door. Throws a UsageError that names the door when its address cannot be had. */
export async function listen(server: Server, options: DoorOptions): Promise<OpenDoor> {
  const { door, maxConnections, meter } = options
  const sockets = new Set<Socket>()
  function refused(socket: TLSSocket, error: Error): void {
    meter.handshake(door, 'refused')
    options.onRefused?.(socket, error)
  }
  server.maxConnections = maxConnections
  server.on('drop', () => {
    meter.connectionCut(door, 'max_connections')
    options.onFull?.()
  })
  server.on('connection', (socket: Socket) => {
    // Nagle's algorithm against delayed ACKs holds a QoS 1 publisher to 85 messages a second
    socket.setNoDelay(true)
    // who vanished without a FIN would otherwise stay for ever, as a client without MQTT keep-alive may
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    sockets.add(socket)
    meter.connectionOpened(door)
    socket.once('close', () => {
      sockets.delete(socket)
      meter.connectionClosed(door)
    })
  })
  server.on('secureConnection', (socket: TLSSocket) => {
    const refusal = options.refusal?.(socket) ?? null
    if (refusal) refused(socket, refusal)
    else meter.handshake(door, socket.isSessionReused() ? 'resumed' : 'full')
  })
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    refused(socket, error)
    // Node reports a handshake that takes too long, and keeps its connection for ever
    socket.destroy()
  })

  await bind(server, options)
  const bound = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  return {
    door,
    address: hostAndPort(bound.address, bound.port),
    port: bound.port,
    stopAccepting: () => void server.close(),
    close() {
      closed ??= new Promise((resolve) => {
        if (server.listening) server.close()
        if (sockets.size === 0) resolve()
        for (const socket of sockets) {
          socket.once('close', () => sockets.size === 0 && resolve())
          socket.destroy()
        }
      })
      return closed
    },
  }
}

async function bind(server: Server, options: DoorOptions): Promise<void> {
  const { door, address } = options
  const { host, port } = address
  const bindTo = options.bind ?? ((...to) => bindServer(server, ...to))
  try {
    await bindTo(host, port)
  } catch (error) {
    const code = codeOf(error)
    // a machine without IPv6 still has "every address"
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return void (await bindTo('0.0.0.0', port))
    throw new UsageError(
      `the ${door} door cannot listen on ${hostAndPort(host, port)}: ${explain(code, error, door)}`,
    )
  }
}

function bindServer(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function explain(code: string | undefined, error: unknown, door: Door): string {
  const elsewhere = `choose another address with --${door}-listen HOST:PORT`
  if (code === 'EADDRINUSE') return `another program listens there already; stop it or ${elsewhere}`
  if (code === 'EACCES') return `this user may not; ${elsewhere}`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `this machine has no such address; ${elsewhere}`
  return messageOf(error)
}

function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
