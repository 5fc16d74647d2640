import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

/** Set on the socket itself, so that HTTP/2's proxy of the socket has it too. */
const shown = Symbol('shown certificate')
type Shower = { [shown]?: string }

/**
 * Notes the client certificate of a connection if one of `authorities` has signed it, whatever its dates say: an expired
 * one may renew itself. Call it in `secureConnection`, before anything else is asked about the certificate.
 *
 * OpenSSL's verdict does not tell: it keeps its last objection, and expiry comes last, so an expired certificate of any CA,
 * or one forged under our CA's name, reads `CERT_HAS_EXPIRED`. `verify` also empties OpenSSL's queue of errors, for which
 * Node would cut the connection.
 */
export function notePeer(socket: TLSSocket, authorities: readonly X509Certificate[]): void {
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return
  delete (socket as Shower)[shown]
  if (authorities.some(({ publicKey }) => isSignedBy(certificate, publicKey)))
    (socket as Shower)[shown] = certificate.toString()
}

const BINDING_BYTES = 32

/**
 * What ties a request to this TLS connection, base64: tls-exporter (RFC 9266), or tls-unique (RFC 5929 §3) before TLS 1.3.
 * Null when the connection has none.
 */
export function channelBindingOf(socket: TLSSocket): string | null {
  if (socket.getProtocol() === 'TLSv1.3')
    return socket
      .exportKeyingMaterial(BINDING_BYTES, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
      .toString('base64')
  // the first Finished of the handshake: the client's, or in a resumed one the server's
  const finished = socket.isSessionReused() ? socket.getFinished() : socket.getPeerFinished()
  return finished?.toString('base64') ?? null
}

/** The certificate, PEM, whose key the other end has and which our CA has signed; null for none. */
export function peerOf(socket: object): string | null {
  return (socket as Shower)[shown] ?? null
}

function isSignedBy(certificate: X509Certificate, key: X509Certificate['publicKey']): boolean {
  try {
    return certificate.verify(key)
  } catch {
    // another kind of key
    return false
  }
}
