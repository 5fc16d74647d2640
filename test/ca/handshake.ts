import { once } from 'node:events'
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'

export interface Handshake {
  /** What the server holds against the client's certificate; null if nothing. */
  readonly refusal: string | null
  /** What the client holds against the server's; null if nothing. */
  readonly mistrust: string | null
  /** CN of the client as the server sees it. */
  readonly commonName: unknown
}

/** A mutual TLS handshake on loopback, each side asked what it makes of the other. */
export async function handshake(
  server: SecureContextOptions,
  client: SecureContextOptions,
  servername = 'localhost',
): Promise<Handshake> {
  const listener = createServer({ ...server, requestCert: true, rejectUnauthorized: false })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const accepted = once(listener, 'secureConnection') as Promise<[TLSSocket]>
  const socket = connect({
    ...client,
    host: '127.0.0.1',
    port,
    servername,
    rejectUnauthorized: false,
  })
  try {
    const [[peer]] = await Promise.all([accepted, once(socket, 'secureConnect')])
    const refusal = peer.authorizationError
    const mistrust = socket.authorizationError
    const { subject } = peer.getPeerCertificate()
    peer.destroy()
    return {
      refusal: refusal ? String(refusal) : null,
      mistrust: mistrust ? String(mistrust) : null,
      commonName: subject?.CN,
    }
  } finally {
    socket.destroy()
    listener.close()
  }
}
