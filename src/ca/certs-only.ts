import { X509Certificate, X509Certificates } from './x509.ts'

/** Certificates, each in PEM, as a PKCS #7 "certs-only" message in base64 on one line (RFC 7030 §4.1.3). */
export function toCertsOnly(certificates: readonly string[]): string {
  const list = new X509Certificates(certificates.map((pem) => new X509Certificate(pem)))
  return Buffer.from(list.export('raw')).toString('base64')
}
