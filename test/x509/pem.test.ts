import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import fc from 'fast-check'
import { readBlocks, toPem } from '../../src/x509/pem.ts'
import { makeCertificate } from '../support/certificates.ts'

const read = (text: string) => readBlocks(Buffer.from(text, 'utf8'), ['CERTIFICATE'])

describe('a PEM file', () => {
  let [a, b]: [string, string] = ['', '']
  let both: Buffer[]
  before(async () => {
    const made = [await makeCertificate('A'), await makeCertificate('B')] as const
    ;[a, b] = [made[0].certificate, made[1].certificate]
    both = made.map(({ der }) => der)
  })

  it('is read as OpenSSL reads it: with a byte order mark, CRLF, blanks at the ends, texts and other blocks', () => {
    for (const text of [
      a + b,
      `\ufeff${a}${b}`,
      (a + b).replaceAll('\n', '\r\n'),
      (a + b).replaceAll('\n', ' \n'),
      `subject=A\n${a}\n\n# the other one\n${b.trimEnd()}`,
      `${a}-----BEGIN X-----\nProc-Type: 4\n\nAAAA\n-----END X-----\n${b}`,
    ])
      assert.deepEqual(read(text), both)
    assert.deepEqual(readBlocks(both[0] as Buffer, ['CERTIFICATE']), both.slice(0, 1))
  })

  it('is refused, with the line, where OpenSSL would read half of it', () => {
    for (const [text, reason] of [
      [a.trimEnd() + b, /line \d+ ends one block and starts the next: put a line break/],
      [a.replaceAll('\n', '\r') + b, /line 1 .*not alone|line 1 ends one block/],
      [`  ${a}${b}`, /line 1 has a BEGIN or END marker that is not alone/],
      [a + b.slice(0, 200), /starts in line \d+ has no END line/],
      [a.replace(/-----END.*\n/, '') + b, /starts in line 1 has no END line/],
      [
        a.replace(/-----BEGIN.*\n/, '') + b,
        /line \d+ ends a block "CERTIFICATE" that has no BEGIN line/,
      ],
      [a.replace(/\n(?=M)/, '\n*'), /starts in line 1 is not base64/],
      [a.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE'), /which only OpenSSL uses/],
    ] as const)
      assert.throws(() => read(text), reason)
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1 })), (all) => {
        const ders = all.map((bytes) => Buffer.from(bytes))
        assert.deepEqual(read(ders.map((der) => toPem(der, 'CERTIFICATE')).join('')), ders)
      }),
    )
  })

  it('never loses a certificate silently, however it is damaged', () => {
    fc.assert(
      fc.property(fc.nat((a + b).length - 1), fc.string({ maxLength: 2 }), (at, put) => {
        const text = (a + b).slice(0, at) + put + (a + b).slice(at + 1)
        let found: Buffer[]
        try {
          found = read(text)
        } catch {
          return
        }
        assert.ok(found.length === 2 || (text.match(/BEGIN CERTIFICATE/g) ?? []).length < 2, text)
      }),
      { numRuns: 1000 },
    )
  })
})
