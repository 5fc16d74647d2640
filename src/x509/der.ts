/** One DER element; `bytes` is the whole of it, `content` what is inside. */
export interface Element {
  readonly tag: number
  readonly content: Buffer
  readonly bytes: Buffer
}

export const BOOLEAN = 0x01
export const INTEGER = 0x02
export const BIT_STRING = 0x03
export const OCTET_STRING = 0x04
export const OBJECT_IDENTIFIER = 0x06
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
export const SEQUENCE = 0x30
export const SET = 0x31

/** The tag of a context-specific element, `[number]` in ASN.1. */
export function context(number: number, kind: 'primitive' | 'constructed'): number {
  return (kind === 'constructed' ? 0xa0 : 0x80) | number
}

/** Thrown for bytes that are not valid DER (X.690), or not the expected structure. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
  constructor() {
    super('is not well-formed DER')
  }
}

/** The elements that follow each other in `bytes`. Throws a MalformedError when they do not fill it exactly. */
export function elements(bytes: Buffer): Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0x80
    let from = at + 2
    if (length > 0x7f) {
      const width = length & 0x7f
      // DER has no indefinite lengths, and no length here needs more than four bytes
      if (width < 1 || width > 4 || from + width > bytes.length) throw new MalformedError()
      length = bytes.readUIntBE(from, width)
      from += width
    }
    const end = from + length
    if (end > bytes.length) throw new MalformedError()
    found.push({ tag, content: bytes.subarray(from, end), bytes: bytes.subarray(at, end) })
    at = end
  }
  return found
}

/** The content of an element that must have this tag, and must not be empty. */
export function expect(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag || element.content.length === 0) throw new MalformedError()
  return element.content
}

/** The elements of a SEQUENCE, which may be empty. */
export function sequence(element: Element | undefined): Element[] {
  if (element?.tag !== SEQUENCE) throw new MalformedError()
  return elements(element.content)
}

/** Whether it is a UTCTime or a GeneralizedTime. */
export function isTime(element: Element | undefined): boolean {
  return element?.tag === UTC_TIME || element?.tag === GENERALIZED_TIME
}

/**
 * `YYMMDDHHMMSSZ` with years from 1950 to 2049, or `YYYYMMDDHHMMSSZ` (RFC 5280 §5.1.2.4), in milliseconds since the
 * Unix epoch.
 */
export function readDerTime(element: Element | undefined): number {
  if (!element || !isTime(element)) throw new MalformedError()
  const text = element.content.toString('latin1')
  const century = element.tag === GENERALIZED_TIME ? '' : text < '5' ? '20' : '19'
  const iso = `${century}${text}`.replace(
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/,
    '$1-$2-$3T$4:$5:$6Z',
  )
  const time = Date.parse(iso)
  if (Number.isNaN(time)) throw new MalformedError()
  return time
}

/** An object identifier in dotted form, for example `2.5.29.19`. */
export function readOid(content: Buffer): string {
  const arcs: number[] = []
  let arc = 0
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first = 0, ...rest] = arcs
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - top * 40, ...rest].join('.')
}
