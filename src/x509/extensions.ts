import {
  BOOLEAN,
  type Element,
  elements,
  expect,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  readOid,
  sequence,
} from './der.ts'

/** An extension of a certificate or a revocation list. */
export interface Extension {
  readonly critical: boolean
  /** The content of its OCTET STRING. */
  readonly value: Buffer
}

/** Extensions by their object identifiers; of duplicates the first. */
export function readExtensions(list: Element | undefined): Map<string, Extension> {
  const found = new Map<string, Extension>()
  for (const extension of sequence(list)) {
    const [id, ...rest] = sequence(extension)
    const oid = readOid(expect(id, OBJECT_IDENTIFIER))
    const critical = rest[0]?.tag === BOOLEAN && rest.shift()?.content[0] !== 0
    const [value] = rest
    if (!found.has(oid)) found.set(oid, { critical, value: expect(value, OCTET_STRING) })
  }
  return found
}

/** The first critical extension that is not among `known`. */
export function unknownCritical(
  extensions: ReadonlyMap<string, Extension>,
  known: ReadonlySet<string>,
): string | undefined {
  for (const [oid, { critical }] of extensions) if (critical && !known.has(oid)) return oid
  return undefined
}

/** The names that a DistributionPointName has, in a form to compare (RFC 5280 §4.2.1.13). */
export function pointNames(name: Element | undefined): string[] {
  // [0] fullName is a list; [1] nameRelativeToCRLIssuer is rare, and compared as it is
  return elements(name?.content ?? Buffer.alloc(0)).flatMap((choice) =>
    choice.tag === 0xa0
      ? elements(choice.content).map(({ bytes }) => bytes.toString('base64'))
      : [choice.bytes.toString('base64')],
  )
}
