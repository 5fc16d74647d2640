import { createHash, X509Certificate } from 'node:crypto'

/** The fingerprints by which the ledger names a certificate and its key: SHA-256 of their DER, lower-case hexadecimal. */
export function fingerprintsOf(pem: string): {
  readonly fingerprint: string
  readonly key: string
} {
  const { raw, publicKey } = new X509Certificate(pem)
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return { fingerprint: sha256(raw), key: sha256(spki) }
}

/** Lower-case hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
