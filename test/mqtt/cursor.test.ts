import { describe, it } from 'node:test'
import { assertDecoded, assertRefused, bytes, VERSIONS } from './wire.ts'

const NONE = 0

describe('a string', () => {
  const topic = (...content: number[]) => bytes([0, content.length], content)

  it('may be any UTF-8 without U+0000, also control characters and a byte order mark', () => {
    for (const text of [
      '\u0001',
      '\u007f',
      '\u0080',
      '\ufeffa',
      'ä',
      '€',
      '😀',
      '\uffff',
      '\u{10ffff}',
    ])
      assertDecoded(4, 0x30, bytes(text), { topic: text })
    const long = 'x'.repeat(65_535)
    assertDecoded(4, 0x30, bytes(long), { topic: long })
  })

  it('makes its packet malformed where it is not UTF-8, in every version [MQTT-1.5.4-1]', () => {
    const wrong: Record<string, number[]> = {
      'a single continuation byte': [0x61, 0x80],
      'a character cut short': [0x61, 0xe2, 0x82],
      'U+0000 in two bytes': [0xc0, 0x80],
      '"/" in two bytes': [0xc0, 0xaf],
      'a surrogate': [0xed, 0xa0, 0x80],
      'a pair of surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
      'above U+10FFFF': [0xf4, 0x90, 0x80, 0x80],
      'five bytes': [0xf8, 0x88, 0x80, 0x80, 0x80],
      latin1: [0xe4],
      '0xFF': [0xff],
      'U+0000 [MQTT-1.5.4-2]': [0x61, 0x00, 0x62],
      'U+0000 behind a character of two bytes': [0xc3, 0xa4, 0x00],
    }
    for (const content of Object.values(wrong))
      for (const version of VERSIONS)
        assertRefused(version, 0x30, bytes(topic(...content), NONE), 'malformedPacket')
  })

  it('makes its packet malformed where it is cut short', () => {
    for (const body of [bytes(), bytes(0), bytes([0, 1]), bytes([0, 3], [0x61, 0x62])])
      for (const version of VERSIONS) assertRefused(version, 0x30, body, 'malformedPacket')
  })
})
