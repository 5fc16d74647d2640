import { createPublicKey, type KeyObject } from 'node:crypto'
import { sha256 } from './fingerprints.ts'
import {
  ChallengePasswordAttribute,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
} from './x509.ts'

/** What a certificate signing request asks for (PKCS #10, RFC 2986). Its signature is verified. */
export interface Csr {
  /** Every CN of the subject, in order. */
  readonly commonNames: readonly string[]
  /** Every alternative name, as `dns:a`, `ip:10.0.0.1`, …. */
  readonly alternativeNames: readonly string[]
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKey: Buffer
  /** SHA-256 of `publicKey`, lower-case hexadecimal. */
  readonly key: string
  /** Why the key cannot be certified; null if it can. */
  readonly keyProblem: string | null
  /** For the channel binding (RFC 7030 §3.5). */
  readonly challengePassword: string | null
}

export const MAX_CSR_BYTES = 16_384

/** Reads a request in DER. Throws where it is malformed, or not signed by its own key. */
export async function readCsr(der: Buffer): Promise<Csr> {
  const request = parse(der)
  const spki = Buffer.from(request.publicKey.rawData)
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  const keyProblem = problemOf(key)
  // only for a key of the right kind: verifying with a huge RSA key takes long
  if (keyProblem === null && !(await request.verify().catch(() => false)))
    throw new Error('it is not signed with its own key')
  const publicKey = keyProblem === null ? inOneForm(key) : spki
  const password = request.attributes.find((one) => one instanceof ChallengePasswordAttribute)
  return {
    commonNames: request.subjectName.getField('CN'),
    // a plain array: on the library's own subclass, filter and map would return that subclass again
    alternativeNames: [...request.extensions]
      .filter((one) => one instanceof SubjectAlternativeNameExtension)
      .flatMap(({ names }) => names.toJSON())
      .map(({ type, value }) => `${type}:${value}`),
    publicKey,
    key: sha256(publicKey),
    keyProblem,
    challengePassword: password?.password ?? null,
  }
}

/** The same key can be written in several ways, with a compressed point for example. */
function inOneForm(key: KeyObject): Buffer {
  const jwk = key.export({ format: 'jwk' })
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'der' })
}

function parse(der: Buffer): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(new Uint8Array(der))
  } catch (error) {
    throw new Error('it is not a PKCS #10 certificate signing request', { cause: error })
  }
}

const CURVES: readonly unknown[] = ['prime256v1', 'secp384r1']

function problemOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'ec' && CURVES.includes(namedCurve)) return null
  if (asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 4096) return null
  return 'its key must be P-256, P-384, or RSA of 2048 to 4096 bits'
}
