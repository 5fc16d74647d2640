import { lookup } from 'node:dns/promises'
import { type AddressInfo, type BlockList, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyAddress } from '../config/values.ts'
import type { Door } from '../door-table.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import type { Meter } from '../metrics/meter.ts'
import type { Admission } from './admission.ts'
import type { Arrivals } from './arrivals.ts'
import type { ConnectionSlots } from './connection-slots.ts'
import { isAmong } from './peer.ts'
import { createPlainText, type PlainProtocol } from './plain-text.ts'
import { insertSteps, type Step } from './steps.ts'
import { listenOnSocket } from './unix-socket.ts'

/** A door that listens. */
export interface OpenDoor {
  readonly door: Door
  /** `HOST:PORT`, with the port it really got, several with commas between them where the host is a name of several; or `unix:PATH`. */
  readonly address: string
  /** 0 for a Unix socket. */
  readonly port: number
  /** Takes no new connection; those there are stay. */
  stopAccepting(): void
  /** Resolves once nobody is connected any more; the server itself does not know of those that came through other sockets. */
  emptied(): Promise<void>
  /** Ends what is still connected; may be called again. */
  close(): Promise<void>
}

export interface DoorOptions {
  readonly door: Door
  readonly address: NonNullable<ProxyAddress>
  readonly maxConnections: number
  /** Addresses that connections may come from, where not from all. */
  readonly from?: BlockList | undefined
  /** Of load balancers that say who their clients are; nobody else may connect then. */
  readonly arrivals?: Arrivals | undefined
  /** Who of those may stay; everybody where nobody is asked for a name. */
  readonly admission?: Admission | undefined
  /** The name of a connection whose handshake is done; null where there is none. */
  readonly nameOf?: ((socket: TLSSocket) => string | null) | undefined
  /** Shared with other doors; without them the door has as many as it may. */
  readonly slots?: ConnectionSlots | undefined
  readonly meter: Meter
  /** Why a connection is not let in although its handshake is done; null when it is. */
  readonly refusal?: ((socket: TLSSocket) => Error | null) | undefined
  /** Told of each connection that is refused, before its handshake, in it or after it. */
  readonly onRefused?: ((socket: Socket, error: Error) => void) | undefined
  /** What this door speaks over TLS, so that those who forget TLS can be told. */
  readonly plain?: PlainProtocol | undefined
  /** Told of each of those. */
  readonly onPlain?: ((protocol: string, address: string | undefined) => void) | undefined
  /** Told of each connection that is refused because as many are open as may be. */
  readonly onFull?: (() => void) | undefined
  /** How this server is told to listen, where it is not its own `listen`. */
  readonly bind?: ((to: BindTo) => Promise<unknown>) | undefined
}

/** An address; with others that share it, each takes some of its connections. */
export interface BindTo {
  readonly host: string
  readonly port: number
  readonly reusePort: boolean
}

const KEEP_ALIVE_MS = 60_000
/**
 * Sockets that listen on one address for everybody. In each of its turns the event loop accepts one connection of each: one socket
 * alone is a line, which floods of connections fill. Only Linux divides connections evenly among them.
 */
const LISTENERS = process.platform === 'linux' ? 16 : 1

/** Opens one door. Throws a UsageError that names the door when its address cannot be had. */
export async function listen(server: Server, options: DoorOptions): Promise<OpenDoor> {
  const { door, maxConnections, meter } = options
  const sockets = new Set<Socket>()
  function refused(socket: Socket, error: Error): void {
    meter.handshake(door, 'refused')
    options.onRefused?.(socket, error)
  }
  function mayDrop(accepting: Server): void {
    accepting.maxConnections = maxConnections
    options.slots?.share(accepting, maxConnections)
    accepting.on('drop', () => {
      const isFull = (accepting.maxConnections ?? 0) >= maxConnections
      meter.connectionCut(door, isFull ? 'max_connections' : 'descriptors')
      options.onFull?.()
    })
  }
  insertSteps(server, stepsOf(options, refused))
  mayDrop(server)
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
  const { arrivals } = options
  // before all who ask for the address
  if (arrivals)
    for (const event of ['secureConnection', 'tlsClientError'] as const)
      server.prependListener(event, (...args: unknown[]) =>
        arrivals.secure(args.at(-1) as TLSSocket),
      )
  server.on('secureConnection', (socket: TLSSocket) => {
    const refusal = options.refusal?.(socket) ?? null
    if (refusal) refused(socket, refusal)
    else {
      meter.handshake(door, socket.isSessionReused() ? 'resumed' : 'full')
      const id = options.nameOf?.(socket) ?? null
      if (id !== null) options.admission?.claim(socket, id)
    }
  })
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    refused(socket, error)
    // Node reports a handshake that takes too long, and keeps its connection for ever
    socket.destroy()
  })

  const { address } = options
  if ('path' in address) {
    await listenOnSocket(server, address.path, door)
    return opened([], { address: `unix:${address.path}`, port: 0 })
  }
  const others = await bindAll(server, { ...options, address })
  for (const other of others) mayDrop(other)
  const bound = [server, ...others].map((one) => one.address() as AddressInfo)
  const where = new Set(bound.map(({ address, port }) => hostAndPort(address, port)))
  return opened(others, { address: [...where].join(', '), port: (bound[0] as AddressInfo).port })

  function opened(others: readonly Server[], at: Pick<OpenDoor, 'address' | 'port'>): OpenDoor {
    function stopAccepting(): void {
      for (const one of [server, ...others]) if (one.listening) one.close()
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
}

function closedOnce(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** A door that listens on ports. */
type PortOptions = DoorOptions & {
  readonly address: { readonly host: string; readonly port: number }
}

/** What comes before TLS. */
function stepsOf(
  { door, meter, from, arrivals, admission, plain, onPlain = () => {} }: DoorOptions,
  refused: (socket: Socket, error: Error) => void,
): Step[] {
  const steps: Step[] = []
  if (from)
    steps.push((socket, next) => {
      if (isAmong(from, socket.remoteAddress ?? '')) return next()
      refused(socket, new Error('connections from this address are not allowed'))
      socket.destroy()
    })
  if (arrivals) steps.push(arrivals.receive)
  if (admission) steps.push(admission.admit)
  if (plain) {
    const onSilent = (socket: Socket) => refused(socket, new SilentError())
    steps.push(createPlainText({ door, meter, onPlain, onSilent, protocol: plain }))
  }
  return steps
}

/** As Node reports a handshake that takes too long. */
class SilentError extends Error {
  readonly code = 'ERR_TLS_HANDSHAKE_TIMEOUT'
}

/** Listens on every address of the host, and returns what listens besides the door's own server. */
async function bindAll(server: Server, options: PortOptions): Promise<Server[]> {
  const [first, ...more] = await addressesOf(options)
  const listeners = options.admission ? LISTENERS : 1
  await bind(server, { ...options.address, host: first as string, listeners }, options)
  const { address, port } = server.address() as AddressInfo
  const others: Server[] = []
  // as its own connections: one that a client ends, and nobody here, would stay otherwise
  const { allowHalfOpen } = server as Server & { readonly allowHalfOpen: boolean }

  async function add(host: string): Promise<void> {
    const other = createServer({ allowHalfOpen }, (socket) => {
      if (server.listening) server.emit('connection', socket)
      // the door has stopped to accept
      else socket.destroy()
    })
    await bindServer(other, { host, port, reusePort: listeners > 1 })
    others.push(other)
  }

  for (const host of [address, ...more]) {
    try {
      if (host !== address) await refuseTaken({ host, port, listeners })
      for (let count = host === address ? 1 : 0; count < listeners; count++) await add(host)
    } catch (error) {
      // a name may have an address that this machine has not, as "localhost" has ::1
      if (codeOf(error) === 'EAFNOSUPPORT' || codeOf(error) === 'EADDRNOTAVAIL') continue
      for (const one of [server, ...others]) one.close()
      throw unusable(error, hostAndPort(host, options.address.port), options)
    }
  }
  return others
}

interface Wanted {
  readonly host: string
  readonly port: number
  readonly listeners: number
}

/** Throws when another program listens there, which sockets that share an address are not told. */
async function refuseTaken({ host, port, listeners }: Wanted): Promise<void> {
  if (listeners === 1 || port === 0) return
  const trial = createServer()
  await bindServer(trial, { host, port, reusePort: false })
  await new Promise((resolve) => trial.close(resolve))
}

async function addressesOf(options: PortOptions): Promise<string[]> {
  const { host, port } = options.address
  try {
    const found = await lookup(host, { all: true, order: 'ipv4first' })
    return [...new Set(found.map(({ address }) => address))]
  } catch (error) {
    throw unusable(error, hostAndPort(host, port), options)
  }
}

async function bind(server: Server, wanted: Wanted, options: PortOptions): Promise<void> {
  const { host, port, listeners } = wanted
  const bindTo = options.bind ?? ((to: BindTo) => bindServer(server, to))
  try {
    await refuseTaken(wanted)
    await bindTo({ host, port, reusePort: listeners > 1 })
  } catch (error) {
    const code = codeOf(error)
    // a machine without IPv6 still has "every address"
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return bind(server, { ...wanted, host: '0.0.0.0' }, options)
    throw unusable(error, hostAndPort(options.address.host, port), options)
  }
}

function unusable(error: unknown, where: string, { door }: DoorOptions): UsageError {
  return new UsageError(
    `the ${door} door cannot listen on ${where}: ${explain(codeOf(error), error, door)}`,
  )
}

function bindServer(server: Server, to: BindTo): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(to, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function explain(code: string | undefined, error: unknown, door: Door): string {
  const elsewhere = `choose another address with --${door}-listen HOST:PORT`
  if (code === 'EADDRINUSE') return `another program already listens there; stop it or ${elsewhere}`
  if (code === 'EACCES') return `this user has no permission; ${elsewhere}`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `this machine has no such address; ${elsewhere}`
  return messageOf(error)
}

function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
