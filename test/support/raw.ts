import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

type Pair = Pick<Credentials, 'certificate' | 'key'>

/** A TLS connection without any HTTP in it, as attackers and broken clients have. Errors show in what is read. */
export async function rawTls(
  { ports, pki }: Pick<TestGateway, 'ports' | 'pki'>,
  who: Pair | null,
  {
    door = 'device',
    to = '127.0.0.1',
    from,
    ...options
  }: ConnectionOptions & {
    door?: 'device' | 'mqtt' | 'viewer'
    to?: string
    from?: number | undefined
  } = {},
): Promise<TLSSocket & { readonly tcp: Socket }> {
  const own = from === undefined ? {} : { localAddress: '127.0.0.1', localPort: from }
  const tcp = connectTcp({ port: ports[door], host: to, ...own })
  await once(tcp, 'connect')
  const socket = connect({
    socket: tcp,
    servername: 'localhost',
    ca: pki.authority.certificate,
    ...(who ? { cert: who.certificate, key: who.key } : {}),
    ...options,
  })
  // TLS 1.3 refuses a client's certificate after the client's own part of the handshake
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return Object.assign(socket, { tcp })
}

export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Record<string, string>
  readonly body: string
}

/** All that comes until the other end closes the connection, in UTF-8. */
export async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  // `once` would reject at an error
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString()
}

/** Sends `bytes` again and again, as fast as the other end takes them, until that closes the connection; how many those were. */
export async function pouredUntilClosed(socket: Socket, bytes: Buffer): Promise<number> {
  let poured = 0
  // a client that hears of its end, and does not care
  socket.allowHalfOpen = true
  socket.on('error', () => {})
  socket.resume()
  // not events.once, which a reset would make reject
  const closed = new Promise((resolve) => socket.once('close', resolve))
  while (!socket.destroyed) {
    poured += bytes.length
    if (!socket.write(bytes))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  return poured
}

/** Sends `bytes` on a connection of their own; the answers, when the other end has closed it. */
export async function rawHttp(
  at: Pick<TestGateway, 'ports' | 'pki'>,
  who: Pair | null,
  bytes: string | Buffer,
  options: Parameters<typeof rawTls>[2] = {},
): Promise<RawAnswer[]> {
  const socket = await rawTls(at, who, options)
  socket.write(bytes)
  return rawAnswers(await untilClosed(socket))
}

/** HTTP/1.1 answers that have a Content-Length, one after the other. */
export function rawAnswers(text: string): RawAnswer[] {
  const answers: RawAnswer[] = []
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const length = Number(headers['content-length'] ?? 0)
    const body = rest.slice(end + 4, end + 4 + length)
    answers.push({ status: Number(statusLine.split(' ')[1]), headers, body })
    rest = end === -1 ? '' : rest.slice(end + 4 + length)
  }
  return answers
}
