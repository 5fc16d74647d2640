import {
  BIT_STRING,
  context,
  elements,
  expect,
  INTEGER,
  isTime,
  MalformedError,
  readDerTime,
  SEQUENCE,
  sequence,
} from './der.ts'
import { type Extension, pointNames, readExtensions, unknownCritical } from './extensions.ts'
import { nameKey, shownName } from './name.ts'
import { readBlocks } from './pem.ts'
import { toSerial } from './serial.ts'
import { readAlgorithm, type Signature } from './signature.ts'

/** A certificate revocation list (RFC 5280 §5), its signature not verified yet; times in milliseconds since the Unix epoch. */
export interface RevocationList {
  /** Who signed it: as `nameKey` makes it, to compare, and in readable form. */
  readonly issuer: string
  readonly issuerName: string
  readonly thisUpdate: number
  /** When the next list is due; Infinity if the list does not say. */
  readonly nextUpdate: number
  /** When each serial number was revoked. */
  readonly revoked: ReadonlyMap<string, number>
  /** Which certificates of its issuer it covers. */
  readonly scope: 'all' | 'users' | 'authorities' | 'none'
  /** The distribution points that it is for; empty for all. */
  readonly points: readonly string[]
  readonly signature: Signature
}

const LABELS = ['X509 CRL']

/** Every list in a file, PEM or DER. Throws an Error that says what is wrong when one cannot be used. */
export function readLists(file: Buffer): RevocationList[] {
  const blocks = readBlocks(file, LABELS)
  if (blocks.length === 0) throw new Error('contains no "BEGIN X509 CRL" block, and is not DER')
  return blocks.flatMap((block) => {
    try {
      const lists = elements(block)
      if (lists.length === 0) throw new MalformedError()
      return lists.map(({ bytes }) => readList(bytes))
    } catch (error) {
      if (error instanceof MalformedError) throw new Error('is not a well-formed X.509 CRL')
      throw error
    }
  })
}

/** `CertificateList`. */
function readList(der: Buffer): RevocationList {
  const [list] = elements(der)
  const [signed, algorithm, value] = sequence(list)
  const fields = elements(expect(signed, SEQUENCE))
  if (fields[0]?.tag === INTEGER) fields.shift() // version
  const inner = fields.shift()
  const issuer = fields.shift()
  // the algorithm is given twice; only the inner one is signed, so both have to be the same
  if (!signed || !algorithm || !issuer || !inner?.bytes.equals(algorithm.bytes))
    throw new MalformedError()
  expect(issuer, SEQUENCE)
  const thisUpdate = readDerTime(fields.shift())
  const nextUpdate = isTime(fields[0]) ? readDerTime(fields.shift()) : Number.POSITIVE_INFINITY
  const entries = fields[0]?.tag === SEQUENCE ? elements(fields.shift()?.content as Buffer) : []
  const extensions = fields[0] ? readExtensions(elements(expect(fields[0], 0xa0))[0]) : new Map()
  return {
    issuer: nameKey(issuer),
    issuerName: shownName(issuer),
    thisUpdate,
    nextUpdate,
    revoked: new Map(entries.map(readEntry)),
    ...readScope(extensions),
    signature: {
      signed: signed.bytes,
      algorithm: readAlgorithm(algorithm),
      // the first byte of a BIT STRING counts the unused bits of its last byte
      value: expect(value, BIT_STRING).subarray(1),
    },
  }
}

const CERTIFICATE_ISSUER = '2.5.29.29'

function readEntry(entry: Parameters<typeof expect>[0]): [serial: string, time: number] {
  const [serial, date, extensions] = elements(expect(entry, SEQUENCE))
  if (extensions && readExtensions(extensions).has(CERTIFICATE_ISSUER)) throw indirect()
  return [toSerial(expect(serial, INTEGER)), readDerTime(date)]
}

const ISSUING_DISTRIBUTION_POINT = '2.5.29.28'
const DELTA = '2.5.29.27'
const KNOWN = new Set([ISSUING_DISTRIBUTION_POINT, '2.5.29.20', '2.5.29.35'])

/** `IssuingDistributionPoint` (RFC 5280 §5.2.5). Throws for a restriction that this gateway does not know. */
function readScope(
  extensions: ReadonlyMap<string, Extension>,
): Pick<RevocationList, 'scope' | 'points'> {
  if (extensions.has(DELTA))
    throw new Error('contains a delta list, which has only changes: use the complete list')
  const unknown = unknownCritical(extensions, KNOWN)
  if (unknown) throw new Error(`has a critical extension that is not supported (${unknown})`)
  const point = extensions.get(ISSUING_DISTRIBUTION_POINT)
  if (!point) return { scope: 'all', points: [] }
  const fields = new Map(sequence(elements(point.value)[0]).map((field) => [field.tag, field]))
  const says = (number: number) => fields.get(context(number, 'primitive'))?.content[0] === 0xff
  if (says(4)) throw indirect()
  if (fields.has(context(3, 'primitive')))
    throw new Error('is a list for only some reasons: use a list for all reasons')
  return {
    scope: says(5) ? 'none' : says(1) ? 'users' : says(2) ? 'authorities' : 'all',
    points: pointNames(fields.get(context(0, 'constructed'))),
  }
}

function indirect(): Error {
  return new Error(
    'is an indirect list, with certificates of other CAs: use one list signed by each CA',
  )
}
