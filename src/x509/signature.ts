import { constants, type KeyObject, verify } from 'node:crypto'
import { type Element, elements, expect, OBJECT_IDENTIFIER, readOid, sequence } from './der.ts'

/** How a signature is made: the digest, null where the algorithm has its own, and whether RSA pads it by PSS. */
interface Algorithm {
  readonly digest: string | null
  readonly pss?: boolean
}

const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  '1.2.840.113549.1.1.5': { digest: 'sha1' },
  '1.2.840.113549.1.1.14': { digest: 'sha224' },
  '1.2.840.113549.1.1.11': { digest: 'sha256' },
  '1.2.840.113549.1.1.12': { digest: 'sha384' },
  '1.2.840.113549.1.1.13': { digest: 'sha512' },
  '1.2.840.10045.4.1': { digest: 'sha1' },
  '1.2.840.10045.4.3.1': { digest: 'sha224' },
  '1.2.840.10045.4.3.2': { digest: 'sha256' },
  '1.2.840.10045.4.3.3': { digest: 'sha384' },
  '1.2.840.10045.4.3.4': { digest: 'sha512' },
  '1.3.101.112': { digest: null }, // Ed25519
  '1.3.101.113': { digest: null }, // Ed448
  '2.16.840.1.101.3.4.3.17': { digest: null }, // ML-DSA-44
  '2.16.840.1.101.3.4.3.18': { digest: null }, // ML-DSA-65
  '2.16.840.1.101.3.4.3.19': { digest: null }, // ML-DSA-87
}

const RSASSA_PSS = '1.2.840.113549.1.1.10'
const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/** A signature over `signed`, not verified yet. */
export interface Signature {
  readonly signed: Buffer
  readonly algorithm: Algorithm
  readonly value: Buffer
}

/** Reads an AlgorithmIdentifier. Throws an Error for an unknown algorithm. */
export function readAlgorithm(element: Element | undefined): Algorithm {
  const [id, parameters] = sequence(element)
  const oid = readOid(expect(id, OBJECT_IDENTIFIER))
  const algorithm = oid === RSASSA_PSS ? readPss(parameters) : ALGORITHMS[oid]
  if (!algorithm) throw new Error(`is signed with an algorithm that is not supported (${oid})`)
  return algorithm
}

/** `[0]` of RSASSA-PSS-params is the hash; without it SHA-1 is meant, which nobody uses with PSS. */
function readPss(parameters: Element | undefined): Algorithm | undefined {
  const hash = sequence(parameters).find(({ tag }) => tag === 0xa0)
  const [id] = hash ? sequence(elements(hash.content)[0]) : []
  const digest = id && HASHES[readOid(id.content)]
  return digest ? { digest, pss: true } : undefined
}

/** Whether the owner of `key` has made this signature. */
export function isSignedBy({ signed, algorithm, value }: Signature, key: KeyObject): boolean {
  const padding = algorithm.pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
    : {}
  try {
    return verify(algorithm.digest, signed, { key, ...padding }, value)
  } catch {
    // the key is of another kind than the algorithm
    return false
  }
}
