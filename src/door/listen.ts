import { type AddressInfo, Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Door } from '../door-table.ts'
import { stepsBeforeTls } from './before-tls.ts'
import { addressText, bindAll } from './bind.ts'
import type { DoorOptions } from './options.ts'
import { insertSteps } from './steps.ts'
import { listenOnSocket } from './unix-socket.ts'

/** A door that listens. */
export interface OpenDoor {
  readonly door: Door
  /** `HOST:PORT`, with the port it really got, several with commas between them where the host is a name of several; or `unix:PATH`. */
  readonly address: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** Accepts no new connection; open ones stay. */
  stopAccepting(): void
  /** Resolves once no connection is left. (The server itself does not count those that other sockets accepted.) */
  emptied(): Promise<void>
  /** Ends what is still connected; may be called again. */
  close(): Promise<void>
}

const KEEP_ALIVE_MS = 60_000

/** Opens one door. Throws a UsageError that names the door when its address cannot be had. */
export async function listen(server: Server, options: DoorOptions): Promise<OpenDoor> {
  const { door, address } = options
  insertSteps(
    server,
    stepsBeforeTls(options, (socket, error) => refuse(socket, error, options)),
  )
  boundConnections(server, options)
  const sockets = followSockets(server, options)
  followHandshakes(server, options)
  if ('path' in address) {
    await listenOnSocket(server, address.path, door)
    return toOpenDoor(door, [server], sockets, { address: `unix:${address.path}`, port: 0 })
  }
  const { bind, admission } = options
  const others = await bindAll(server, { door, address, bind, isPublic: admission !== undefined })
  for (const other of others) boundConnections(other, options)
  const servers = [server, ...others]
  const bound = servers.map((one) => one.address() as AddressInfo)
  const where = new Set(bound.map(({ address, port }) => addressText(address, port)))
  const { port } = bound[0] as AddressInfo
  return toOpenDoor(door, servers, sockets, { address: [...where].join(', '), port })
}

function refuse(socket: Socket, error: Error, { door, meter, onRefused }: DoorOptions): void {
  meter.handshake(door, 'refused')
  onRefused?.(socket, error)
}

/** Lets a server drop connections beyond its bound, and counts them. */
function boundConnections(server: Server, options: DoorOptions): void {
  const { door, maxConnections, meter, slots } = options
  server.maxConnections = maxConnections
  slots?.share(server, maxConnections)
  server.on('drop', () => {
    const isFull = (server.maxConnections ?? 0) >= maxConnections
    meter.connectionCut(door, isFull ? 'max_connections' : 'descriptors')
    options.onFull?.()
  })
}

/** The connections that are open, whichever server has accepted them. */
function followSockets(server: Server, { door, meter }: DoorOptions): ReadonlySet<Socket> {
  const sockets = new Set<Socket>()

  // one function for all of them: there may be tens of thousands
  function closed(this: Socket): void {
    sockets.delete(this)
    meter.connectionClosed(door)
  }

  server.on('connection', (socket: Socket) => {
    // Nagle's algorithm against delayed ACKs holds a QoS 1 publisher to 85 messages a second
    socket.setNoDelay(true)
    // otherwise a client that vanished without a FIN, and has no MQTT keep-alive, would stay for ever
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    sockets.add(socket)
    meter.connectionOpened(door)
    socket.on('close', closed)
  })
  return sockets
}

function followHandshakes(server: Server, options: DoorOptions): void {
  const { door, meter, arrivals, admission } = options
  // before any other listener asks for the address
  if (arrivals)
    for (const event of ['secureConnection', 'tlsClientError'] as const)
      server.prependListener(event, (...args: unknown[]) =>
        arrivals.secure(args.at(-1) as TLSSocket),
      )
  server.on('secureConnection', (socket: TLSSocket) => {
    const refusal = options.refusal?.(socket) ?? null
    if (refusal) {
      refuse(socket, refusal, options)
      return
    }
    meter.handshake(door, socket.isSessionReused() ? 'resumed' : 'full')
    const id = options.nameOf?.(socket) ?? null
    if (id !== null) admission?.claim(socket, id)
  })
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    refuse(socket, error, options)
    // Node reports a handshake that takes too long, but does not close its connection
    socket.destroy()
  })
}

function toOpenDoor(
  door: Door,
  servers: readonly Server[],
  sockets: ReadonlySet<Socket>,
  at: Pick<OpenDoor, 'address' | 'port'>,
): OpenDoor {
  function stopAccepting(): void {
    // not the server's own `close`, which over HTTP/2 ends connections too, and refuses requests on their way
    for (const one of servers) if (one.listening) Server.prototype.close.call(one)
  }
  async function emptied(): Promise<void> {
    while (sockets.size > 0) await Promise.all([...sockets].map((socket) => closedOnce(socket)))
  }
  return {
    door,
    ...at,
    stopAccepting,
    emptied,
    close() {
      stopAccepting()
      for (const socket of sockets) socket.destroy()
      return emptied()
    },
  }
}

function closedOnce(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}
