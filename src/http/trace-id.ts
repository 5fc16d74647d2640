import { randomFillSync } from 'node:crypto'

/** The bytes of one id. */
const BYTES = 16
/** Random bytes for 128 ids. */
const random = Buffer.alloc(128 * BYTES)
let used = random.length

const text = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1')
/** Where the digits of each byte are in the text. */
const PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)
/** The hexadecimal digits of all bytes, one byte after the other. */
const DIGITS = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
  'latin1',
)

/**
 * A new id for a request: a random UUID (RFC 9562 §5.4). `randomUUID` joins one from twenty texts, which takes longer, and V8
 * keeps all of them as long as the headers of an answer: as much memory as the rest of a short answer.
 */
export function createTraceId(): string {
  if (used === random.length) {
    randomFillSync(random)
    used = 0
  }
  // the version and the variant
  random[used + 6] = ((random[used + 6] as number) & 0x0f) | 0x40
  random[used + 8] = ((random[used + 8] as number) & 0x3f) | 0x80
  for (let index = 0; index < BYTES; index++) {
    const place = PLACES[index] as number
    const digits = (random[used + index] as number) * 2
    text[place] = DIGITS[digits] as number
    text[place + 1] = DIGITS[digits + 1] as number
  }
  used += BYTES
  return text.toString('latin1')
}
