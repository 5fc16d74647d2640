import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { createRecent } from '../budget/recent.ts'
import { type Certificate, toCertificate } from '../x509/certificate.ts'
import { isSelfIssued, SELF_SIGNED } from '../x509/path.ts'
import { type IdentityRules, toIdentity } from './certificate.ts'
import type { Trust } from './trust.ts'
import { createVerifier, type Proof, type RefusedCertificate, stillHolds } from './verify.ts'

/** Identifies the clients of TLS connections. */
export interface Peers {
  /** Verifies the certificate of the handshake. Throws for one that cannot be read. */
  identify(socket: TLSSocket): Proof | RefusedCertificate
  /** Verifies it again by the current trust and time. */
  again(proof: Proof): Proof | RefusedCertificate
}

export interface PeersOptions extends IdentityRules {
  /** The trust in force. */
  trust(): Trust
  /** How many verified certificates are remembered, so that a new connection does not verify them again. */
  readonly mostRemembered: number
  /** Called for each that is forgotten to make room for another. */
  readonly onForgotten?: () => void
}

const MOST_SENT = 16
/** Objections that may hide others: OpenSSL keeps only the last one, and checks the dates last. */
const OF_TIME = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

export function createPeers(options: PeersOptions): Peers {
  const { trust, pattern, now = Date.now } = options
  const rules = { pattern, now }
  const verifier = createVerifier({ trust, pattern, now })
  // by SHA-256 of the DER
  const proofs = createRecent<Proof>(options.mostRemembered, options.onForgotten)

  function remember(
    fingerprint: string,
    found: Proof | RefusedCertificate,
  ): Proof | RefusedCertificate {
    if ('error' in found) proofs.delete(fingerprint)
    else proofs.set(fingerprint, found)
    return found
  }

  function verify(socket: TLSSocket, own: X509Certificate, objection: string | null) {
    const known = proofs.get(own.fingerprint256)
    // OpenSSL's verdict alone is not enough: a resumed TLS session has that of its first handshake
    if (objection === null && known && stillHolds(known, trust(), now())) return known
    const certificate = known?.certificate ?? toCertificate(own)
    // no path is built for certificates of unknown CAs
    if (objection !== null && !OF_TIME.has(objection))
      return verifier.refuse(certificate, { reason: reasonFor(certificate, objection) })
    const found = verifier.verify(
      certificate,
      sentBy(socket, own),
      objection === null ? null : { reason: objection },
    )
    return remember(own.fingerprint256, found)
  }

  function reasonFor(certificate: Certificate, objection: string): string {
    const isOfNobody = isSelfIssued(certificate) && !trust().authorities.isAnchor(certificate)
    return isOfNobody ? SELF_SIGNED : objection
  }

  /** A resumed TLS session keeps the client's own certificate, but not the CAs that were sent with it. */
  function sentBy(socket: TLSSocket, own: X509Certificate): Certificate[] {
    return socket.isSessionReused() ? verifier.authorities() : sentWith(own)
  }

  return {
    identify(socket) {
      const own = socket.getPeerX509Certificate()
      if (!own) return nothingShown(rules)
      return verify(socket, own, socket.authorized ? null : String(socket.authorizationError))
    },
    again(proof) {
      const { fingerprint256 } = proof.identity
      // another connection of the same certificate may have verified it already
      const known = proofs.get(fingerprint256)
      if (known && stillHolds(known, trust(), now())) return known
      return remember(fingerprint256, verifier.again(proof))
    },
  }
}

function nothingShown(rules: IdentityRules): RefusedCertificate {
  const none = toIdentity({ certificate: undefined, objection: null }, rules)
  return { error: none as RefusedCertificate['error'], objection: null }
}

function sentWith(own: X509Certificate): Certificate[] {
  const sent: Certificate[] = []
  for (let next = own.issuerCertificate; next && sent.length < MOST_SENT; ) {
    try {
      sent.push(toCertificate(next))
    } catch {
      // ignored: if it is needed for the path, the certificate is refused for that
    }
    next = next.issuerCertificate
  }
  return sent
}
