import { X509Certificate } from 'node:crypto'
import type { Server, TLSSocket } from 'node:tls'
import { notePeer } from './peer.ts'

/** The trust files of the enrol door, and their changes. */
interface TrustInForce {
  readonly current: { readonly context: { readonly ca?: unknown } }
  onChange(listener: () => void): void
}

/** The CAs that certificates may be renewed under. */
export interface RenewalAuthorities {
  /** Each in PEM. */
  pems(): string[]
  /** Checks the certificate of each connection of `server`, and again whenever the CAs change. */
  watch(server: Server): void
}

export function createRenewalAuthorities(trust: TrustInForce): RenewalAuthorities {
  let certificates = certificatesIn(trust)
  const connected = new Set<TLSSocket>()
  const note = (socket: TLSSocket) => notePeer(socket, certificates)

  trust.onChange(() => {
    certificates = certificatesIn(trust)
    // a certificate of a CA that was removed must not be renewed over an open connection
    for (const socket of connected) note(socket)
  })
  return {
    pems: () => certificates.map((certificate) => certificate.toString()),
    watch: (server) =>
      void server.prependListener('secureConnection', (socket) => {
        note(socket)
        connected.add(socket)
        socket.once('close', () => connected.delete(socket))
      }),
  }
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

function certificatesIn({ current }: TrustInForce): X509Certificate[] {
  const pems = String(current.context.ca).match(PEM_CERTIFICATE) ?? []
  return pems.map((pem) => new X509Certificate(pem))
}
