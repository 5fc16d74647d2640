import { toSerial } from './serial.ts'

/** What revocation lists say; times in milliseconds since the Unix epoch. */
export interface Crl {
  /** When the one was signed that is the first to be out of date. */
  readonly thisUpdate: number
  /** When that is; Infinity if none ever is. */
  readonly nextUpdate: number
  /** When each revoked serial number was. */
  readonly revoked: ReadonlyMap<string, number>
  /** `serial` as Node's `X509Certificate.serialNumber` prints it; case and leading zeros do not matter. */
  isRevoked(serial: string): boolean
}

/**
 * Reads every X.509 CRL of a PEM file, whoever issued it; signatures are for TLS to check. Written by hand because
 * `serve` needs it at once, and the certificate library is slow to load. Throws when a list is malformed.
 */
export function readCrl(pem: string): Crl {
  const lists = [...pem.matchAll(PEM_BLOCK)].map(([, base64 = '']) =>
    readList(Buffer.from(base64, 'base64')),
  )
  if (lists.length === 0) throw new Error('holds no "BEGIN X509 CRL" block')
  const revoked = new Map(lists.flatMap((list) => list.revoked))
  const { thisUpdate, nextUpdate } = lists.reduce((first, list) =>
    list.nextUpdate < first.nextUpdate ? list : first,
  )
  return {
    ...{ thisUpdate, nextUpdate, revoked },
    isRevoked: (serial) => revoked.has(toSerial(Buffer.from(evenHex(serial), 'hex'))),
  }
}

const PEM_BLOCK = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]*)-----END X509 CRL-----/g

const INTEGER = 0x02
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30

interface Element {
  readonly tag: number
  readonly content: Buffer
}

/** `TBSCertList`, RFC 5280 §5.1. */
function readList(der: Buffer) {
  const [list] = elements(der)
  const [signed] = elements(expect(list, SEQUENCE))
  const fields = elements(expect(signed, SEQUENCE))
  if (fields[0]?.tag === INTEGER) fields.shift() // version
  expect(fields.shift(), SEQUENCE) // signature algorithm
  expect(fields.shift(), SEQUENCE) // issuer
  const thisUpdate = readTime(fields.shift())
  const nextUpdate = isTime(fields[0]) ? readTime(fields.shift()) : Infinity
  const entries = fields[0]?.tag === SEQUENCE ? elements(fields[0].content) : []
  const revoked = entries.map((entry): [string, number] => {
    const [serial, date] = elements(expect(entry, SEQUENCE))
    return [toSerial(expect(serial, INTEGER)), readTime(date)]
  })
  return { thisUpdate, nextUpdate, revoked }
}

function elements(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0
    let from = at + 2
    if (length > 0x7f) {
      const width = length & 0x7f
      // no indefinite lengths in DER, and no list is larger than four bytes can say
      if (width < 1 || width > 4 || from + width > bytes.length) throw malformed()
      length = bytes.readUIntBE(from, width)
      from += width
    }
    if (from + length > bytes.length) throw malformed()
    found.push({ tag, content: bytes.subarray(from, from + length) })
    at = from + length
  }
  return found
}

function expect(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag || element.content.length === 0) throw malformed()
  return element.content
}

function isTime(element: Element | undefined): boolean {
  return element?.tag === UTC_TIME || element?.tag === GENERALIZED_TIME
}

/** `YYMMDDHHMMSSZ` with years from 1950 to 2049, or `YYYYMMDDHHMMSSZ` (RFC 5280 §5.1.2.4). */
function readTime(element: Element | undefined): number {
  if (!element || !isTime(element)) throw malformed()
  const text = element.content.toString('latin1')
  const century = element.tag === GENERALIZED_TIME ? '' : text < '5' ? '20' : '19'
  const iso = `${century}${text}`.replace(
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6Z',
  )
  const time = Date.parse(iso)
  if (Number.isNaN(time)) throw malformed()
  return time
}

function evenHex(text: string): string {
  return text.length % 2 === 0 ? text : `0${text}`
}

function malformed(): Error {
  return new Error('is not a well-formed X.509 CRL')
}
