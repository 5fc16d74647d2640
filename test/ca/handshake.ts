import { once } from 'node:events'
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls'

export interface Handshake {
  /** Why the server rejects the client's certificate; null if it does not. */
  readonly refusal: string | null
  /** Why the client rejects the server's certificate; null if it does not. */
  readonly mistrust: string | null
  /** The CN of the client that the server sees. */
  readonly commonName: unknown
}

/** Makes a mutual TLS handshake on loopback, and returns the verdict of each side. */
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
