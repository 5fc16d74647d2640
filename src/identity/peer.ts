import type { X509Certificate } from 'node:crypto'
import type { PeerCertificate, TLSSocket } from 'node:tls'
import { type Certificate, toCertificate } from '../x509/certificate.ts'
import { isSelfIssued, SELF_SIGNED, type Verdict, verifyPath } from '../x509/path.ts'
import type { Trust } from './trust.ts'

/** What somebody showed in the handshake: what is asked about again whenever trust changes. */
export interface Shown {
  readonly certificate: Certificate
  /** The authorities that were sent with it. */
  readonly sent: readonly Certificate[]
}

/** A client's certificate as Node has it, and what it and the authorities sent with it say. */
export interface Presented extends Shown {
  readonly subject: PeerCertificate
  /** OpenSSL's own objection, at the first handshake of this TLS session. */
  readonly objection: string | undefined
}

const MOST_SENT = 16
const MOST_REMEMBERED = 256
/** Objections that hide others, since OpenSSL keeps the last one and asks for the time at the end. */
const OF_TIME = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])

export interface Peers {
  /** What the other end of a connection showed; null where that is nothing. Throws for what cannot be read. */
  read(socket: TLSSocket): Presented | null
  /** Whether what was shown holds now, and until when. */
  judge(shown: Shown & { readonly objection?: string | undefined }, now: number): Verdict
}

/** Judges by the trust that `current` gives at that moment. */
export function createPeers(current: () => Trust): Peers {
  // a TLS session that is resumed has the client's own certificate, and not those that were sent with it
  const remembered = new Map<string, Certificate>()

  function remember(path: readonly Certificate[]): void {
    for (const certificate of path.slice(1)) {
      remembered.delete(certificate.fingerprint)
      remembered.set(certificate.fingerprint, certificate)
    }
    for (const oldest of remembered.keys()) {
      if (remembered.size <= MOST_REMEMBERED) return
      remembered.delete(oldest)
    }
  }

  function sentBy(socket: TLSSocket, own: X509Certificate): Certificate[] {
    return socket.isSessionReused() ? [...remembered.values()] : sentWith(own)
  }

  return {
    read(socket) {
      const own = socket.getPeerX509Certificate()
      if (!own) return null
      const objection = socket.authorized ? undefined : String(socket.authorizationError)
      // no work for strangers
      const sent = objection !== undefined && !OF_TIME.has(objection) ? [] : sentBy(socket, own)
      return {
        certificate: toCertificate(own),
        sent: sent.map((one) => remembered.get(one.fingerprint) ?? one),
        subject: own.toLegacyObject() as PeerCertificate,
        objection,
      }
    },
    judge({ certificate, sent, objection }, now) {
      if (objection !== undefined && !OF_TIME.has(objection)) {
        const isOfNobody = isSelfIssued(certificate) && !current().authorities.isAnchor(certificate)
        return { objection: { reason: isOfNobody ? SELF_SIGNED : objection } }
      }
      const verdict = verifyPath(certificate, sent, current(), now)
      if (verdict.objection) return verdict
      if (objection !== undefined) return { objection: { reason: objection } }
      remember(verdict.path)
      return verdict
    },
  }
}

function sentWith(own: X509Certificate): Certificate[] {
  const sent: Certificate[] = []
  for (let next = own.issuerCertificate; next && sent.length < MOST_SENT; ) {
    try {
      sent.push(toCertificate(next))
    } catch {
      // one that is not on the path does not matter, and without one that is there is no path
    }
    next = next.issuerCertificate
  }
  return sent
}
