import { type Element, elements, expect, OBJECT_IDENTIFIER, readOid, SEQUENCE, SET } from './der.ts'

/** String types that are compared by their text; other types are compared byte for byte. */
const ENCODINGS: Record<number, BufferEncoding> = {
  12: 'utf8', // UTF8String
  19: 'latin1', // PrintableString
  20: 'latin1', // T61String
  22: 'latin1', // IA5String
  26: 'latin1', // VisibleString
  30: 'utf16le', // BMPString, with its bytes swapped
}
const BMP_STRING = 30

/** A key that is equal for names that OpenSSL considers equal: it ignores case, extra blanks and the string type. */
export function nameKey(name: Element): string {
  const parts = elements(name.content).map((part) =>
    elements(expect(part, SET))
      .map((attribute) => {
        const [type, value] = elements(expect(attribute, SEQUENCE))
        return `${readOid(expect(type, OBJECT_IDENTIFIER))}=${valueKey(value)}`
      })
      .sort()
      .join('+'),
  )
  return parts.join('/')
}

function valueKey(value: Element | undefined): string {
  const encoding = ENCODINGS[value?.tag ?? 0]
  if (!value || !encoding) return `#${value?.bytes.toString('hex')}`
  return JSON.stringify(
    textOf(value, encoding)
      .replace(/[ \t\n\v\f\r]+/g, ' ')
      .replace(/^ | $/g, '')
      .replace(/[A-Z]+/g, (upper) => upper.toLowerCase()),
  )
}

function textOf({ tag, content }: Element, encoding: BufferEncoding): string {
  const swapped = tag === BMP_STRING && content.length % 2 === 0
  return (swapped ? Buffer.from(content).swap16() : content).toString(encoding)
}

const COMMON_NAME = '2.5.4.3'

/** A name in readable form: its CN, or else its first attribute. */
export function shownName(name: Element): string {
  const attributes = elements(name.content)
    .flatMap((part) => elements(part.content))
    .map((attribute) => {
      const [type, value] = elements(attribute.content)
      const encoding = ENCODINGS[value?.tag ?? 0]
      const text = value && encoding ? textOf(value, encoding) : undefined
      return { type: type && readOid(type.content), text }
    })
    .filter(({ text }) => text !== undefined)
  const common = attributes.find(({ type }) => type === COMMON_NAME) ?? attributes[0]
  return common?.text ?? 'a CA without a name'
}
