import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import type { Door } from '../door-table.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'

/** An address to listen on. With `reusePort`, several sockets share its connections. */
export interface BindTo {
  readonly host: string
  readonly port: number
  readonly reusePort: boolean
}

export interface BindOptions {
  readonly door: Door
  readonly address: { readonly host: string; readonly port: number }
  /** Whether anybody can connect, so that floods of connections have to be expected. */
  readonly isPublic: boolean
  /** Replaces `server.listen`. */
  readonly bind?: ((to: BindTo) => Promise<unknown>) | undefined
}

/**
 * Sockets that listen on one address of a public door. In each turn, the event loop accepts one connection from each socket. With
 * one socket alone, a flood of connections would fill its queue. Only Linux divides connections evenly among them.
 */
const LISTENERS = process.platform === 'linux' ? 16 : 1

/** Listens on every address of the host. Returns the servers that listen besides `server`, to which they hand their connections. */
export async function bindAll(server: Server, options: BindOptions): Promise<Server[]> {
  const [first, ...more] = await addressesOf(options)
  const listeners = options.isPublic ? LISTENERS : 1
  await bind(server, { ...options.address, host: first as string, listeners }, options)
  const { address, port } = server.address() as AddressInfo
  const others: Server[] = []
  // as in the door's own server: otherwise a connection that only its client ends would stay open
  const { allowHalfOpen } = server as Server & { readonly allowHalfOpen: boolean }

  async function add(host: string): Promise<void> {
    const other = createServer({ allowHalfOpen }, (socket) => {
      if (server.listening) server.emit('connection', socket)
      // the door accepts no more connections
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
      // a name may have an address that this machine does not have, such as ::1 for "localhost"
      if (codeOf(error) === 'EAFNOSUPPORT' || codeOf(error) === 'EADDRNOTAVAIL') continue
      for (const one of [server, ...others]) one.close()
      throw unusable(error, addressText(host, options.address.port), options)
    }
  }
  return others
}

interface Wanted {
  readonly host: string
  readonly port: number
  readonly listeners: number
}

/** Multicast addresses: the system refuses to connect to one before it sends a packet (RFC 1122 §4.2.3.10). */
const NEVER_REACHED = { ipv4: '224.0.0.1', ipv6: 'ff02::1' } as const

/**
 * Throws when another program listens there. With `reusePort`, the system would not report that. The trial binds a socket and
 * never listens: clients that connect meanwhile are refused, and try again, instead of being reset.
 */
async function refuseTaken({ host, port, listeners }: Wanted): Promise<void> {
  if (listeners === 1 || port === 0) return
  const nowhere = host.includes(':') ? NEVER_REACHED.ipv6 : NEVER_REACHED.ipv4
  const trial = connect({ host: nowhere, port: 1, localAddress: host, localPort: port })
  try {
    await once(trial, 'connect')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === 'bind') throw error
  } finally {
    trial.destroy()
  }
}

async function addressesOf(options: BindOptions): Promise<string[]> {
  const { host, port } = options.address
  try {
    const found = await lookup(host, { all: true, order: 'ipv4first' })
    return [...new Set(found.map(({ address }) => address))]
  } catch (error) {
    throw unusable(error, addressText(host, port), options)
  }
}

async function bind(server: Server, wanted: Wanted, options: BindOptions): Promise<void> {
  const { host, port, listeners } = wanted
  const bindTo = options.bind ?? ((to: BindTo) => bindServer(server, to))
  try {
    await refuseTaken(wanted)
    await bindTo({ host, port, reusePort: listeners > 1 })
  } catch (error) {
    const code = codeOf(error)
    // "every address" of a machine without IPv6
    if (host === '::' && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return bind(server, { ...wanted, host: '0.0.0.0' }, options)
    throw unusable(error, addressText(options.address.host, port), options)
  }
}

function unusable(error: unknown, where: string, { door }: BindOptions): UsageError {
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

/** `HOST:PORT`, with an IPv6 address in brackets. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
