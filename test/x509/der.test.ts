import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  type Element,
  elements,
  MalformedError,
  OCTET_STRING,
  readDerTime,
  readOid,
} from '../../src/x509/der.ts'

/** Tags of X.690 §8.25 and §8.26. */
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

const hex = (text: string) => Buffer.from(text, 'hex')

function timeOf(tag: number, text: string): number {
  const content = Buffer.from(text, 'latin1')
  return readDerTime({ tag, content, bytes: content })
}

describe('DER', () => {
  it('is split into its elements', () => {
    const found = elements(hex('02010504003003000102'))
    assert.deepEqual(
      found.map(({ tag, content }) => [tag, content.toString('hex')]),
      [
        [0x02, '05'],
        [0x04, ''],
        [0x30, '000102'],
      ],
    )
    assert.deepEqual(elements(Buffer.alloc(0)), [])
  })

  for (const [what, bytes] of [
    ['a tag without a length', '04'],
    ['a length beyond the end', '040201'],
    ['an indefinite length', '30800000'],
    ['a length that breaks off', '0482ff'],
    ['a length of five bytes', '04850000000001ff'],
    ['a length of 4 GiB', '0484ffffffff'],
    ['bytes after the last element', '04010104'],
  ] as const)
    it(`is refused where it has ${what}`, () => {
      assert.throws(() => elements(hex(bytes)), MalformedError)
    })

  it('has lengths of one to four bytes', () => {
    for (const prefix of ['0403', '048103', '04820003', '0483000003', '048400000003'])
      assert.equal(elements(hex(`${prefix}010203`))[0]?.content.length, 3, prefix)
  })

  it('is read to its end or refused, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        let found: readonly Element[] = []
        try {
          found = elements(Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof MalformedError)
          return
        }
        assert.deepEqual(Buffer.concat(found.map((one) => one.bytes)), Buffer.from(bytes))
      }),
    )
  })

  it('has times of two kinds, with years from 1950 to 2049 in the short one', () => {
    assert.equal(timeOf(UTC_TIME, '500101000000Z'), Date.UTC(1950, 0, 1))
    assert.equal(timeOf(UTC_TIME, '991231235959Z'), Date.UTC(1999, 11, 31, 23, 59, 59))
    assert.equal(timeOf(UTC_TIME, '000229120000Z'), Date.UTC(2000, 1, 29, 12))
    assert.equal(timeOf(UTC_TIME, '491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
    assert.equal(timeOf(GENERALIZED_TIME, '20500101000000Z'), Date.UTC(2050, 0, 1))
  })

  for (const [tag, text] of [
    [UTC_TIME, '991331000000Z'],
    [UTC_TIME, '9912312359Z'],
    [UTC_TIME, '991231235959'],
    [UTC_TIME, '991231235959+0100'],
    [UTC_TIME, '20500101000000Z'],
    [GENERALIZED_TIME, '20500101000000.5Z'],
    [GENERALIZED_TIME, ''],
    [OCTET_STRING, '991231235959Z'],
  ] as const)
    it(`has no valid time ${text} with tag ${tag}`, () => {
      assert.throws(() => timeOf(tag, text), MalformedError)
    })

  it('has object identifiers', () => {
    assert.equal(readOid(hex('551d13')), '2.5.29.19')
    assert.equal(readOid(hex('2b060105050701')), '1.3.6.1.5.5.7.1')
    assert.equal(readOid(hex('2a8648ce3d040302')), '1.2.840.10045.4.3.2')
    assert.equal(readOid(hex('8837')), '2.999')
  })
})
