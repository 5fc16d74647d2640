import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

type Pair = Pick<Credentials, 'certificate' | 'key'>

/** A TLS connection without HTTP, as attackers and broken clients use. Errors end what is read. */
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
  // with TLS 1.3 a client certificate is refused after the client has finished the handshake
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return Object.assign(socket, { tcp })
}

export interface RawAnswer {
  readonly status: number
  /** With lower-case names. */
  readonly headers: Record<string, string>
  readonly body: string
}

/** Everything received until the other end closes the connection, in UTF-8. */
export async function untilClosed(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  // `once` would reject at an error
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
  return Buffer.concat(chunks).toString()
}

/** Sends `bytes` repeatedly, as fast as the other end reads, until it closes the connection. Returns the number of bytes. */
export async function pouredUntilClosed(socket: Socket, bytes: Buffer): Promise<number> {
  let poured = 0
  // ignores errors of the connection
  socket.allowHalfOpen = true
  socket.on('error', () => {})
  socket.resume()
  // not events.once, which rejects after a reset
  const closed = new Promise((resolve) => socket.once('close', resolve))
  while (!socket.destroyed) {
    poured += bytes.length
    if (!socket.write(bytes))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  return poured
}

/** Sends `bytes` on a new connection, and returns the answers once the other end has closed it. */
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

/** Parses consecutive HTTP/1.1 answers with a Content-Length. */
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
