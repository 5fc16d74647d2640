import assert from 'node:assert/strict'
import { SocketAddress } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type HeaderFault, readProxyHeader } from '../../src/door/proxy-protocol.ts'
import { LOCAL_HEADER, rawV2Header, v1Header, v2Header } from '../support/proxy-header.ts'

const port = fc.integer({ min: 0, max: 65_535 })
const hextets = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
// an IPv4 address in IPv6 has another notation
const ipv6 = hextets
  .filter(([first]) => first !== 0)
  .map((groups) => {
    const address = groups.map((group) => group.toString(16)).join(':')
    return new SocketAddress({ address, family: 'ipv6' }).address
  })
const source = fc.oneof(fc.ipV4(), ipv6)
const tlvs = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))
const header = fc.oneof(
  fc.record({ source, port }).map((client) => ({
    client,
    bytes: v1Header(client.source, client.port),
  })),
  fc.record({ source, port, tlvs }).map((client) => ({
    client,
    bytes: v2Header(client.source, client.port, client.tlvs),
  })),
)
const after = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))

const faultOf = (bytes: Buffer | string) =>
  readProxyHeader(Buffer.from(bytes as string, 'latin1'), 'any')?.fault

describe('a PROXY protocol header', () => {
  it('names the client, whatever follows it', () => {
    fc.assert(
      fc.property(header, after, ({ client, bytes }, rest) => {
        assert.deepEqual(readProxyHeader(Buffer.concat([bytes, rest]), 'any'), {
          fault: null,
          length: bytes.length,
          client: { address: client.source, port: client.port },
        })
      }),
    )
  })

  it('gives the same address for every notation', () => {
    for (const [written, address] of [
      ['0:0:0:0:0:FFFF:192.0.2.1', '::ffff:192.0.2.1'],
      ['::ffff:c000:0201', '::ffff:192.0.2.1'],
      ['2001:0DB8:0:0::0001', '2001:db8::1'],
    ]) {
      const header = Buffer.from(`PROXY TCP6 ${written} ::1 5000 443\r\n`)
      const client = { address, port: 5000 }
      assert.deepEqual(readProxyHeader(header, 'any'), {
        fault: null,
        length: header.length,
        client,
      })
    }
  })

  it('is complete only with its last byte, however it is split', () => {
    fc.assert(
      fc.property(header, ({ bytes }) => {
        for (let length = 0; length < bytes.length; length++)
          assert.equal(readProxyHeader(bytes.subarray(0, length), 'any'), null)
      }),
      { numRuns: 30 },
    )
  })

  it('has the same result whenever it is parsed, and is never waited for beyond its bound', () => {
    const start = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', '\r\n\r\n\0\r\nQUIT\n', '\r\n\r\n')
    const noise = fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(start, noise, (begin, more) => {
        const bytes = Buffer.concat([Buffer.from(begin, 'latin1'), more])
        const whole = readProxyHeader(bytes, 'any')
        if (bytes.length >= 536) assert.notEqual(whole, null)
        for (let length = 1; length < bytes.length; length++) {
          const part = readProxyHeader(bytes.subarray(0, length), 'any')
          if (part !== null) assert.deepEqual(part, whole)
        }
      }),
    )
  })

  it('is refused with a version other than the configured one', () => {
    fc.assert(
      fc.property(header, ({ bytes }) => {
        const [right, wrong] = bytes[0] === 0x50 ? (['v1', 'v2'] as const) : (['v2', 'v1'] as const)
        assert.equal(readProxyHeader(bytes, right)?.fault, null)
        assert.equal(readProxyHeader(bytes, wrong)?.fault, 'version')
      }),
    )
  })

  it('keeps the address of the socket where it names none', () => {
    const unix = Buffer.alloc(216, 'x')
    const unknown = ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff::1 what ever 1 2\r\n']
    for (const bytes of [
      ...unknown.map((line) => Buffer.from(line)),
      LOCAL_HEADER,
      rawV2Header(0x20, 0x11, Buffer.alloc(12)),
      rawV2Header(0x20, 0x11, Buffer.alloc(3)),
      rawV2Header(0x20, 0xff, Buffer.alloc(300)),
      rawV2Header(0x21, 0x00, Buffer.alloc(0)),
      rawV2Header(0x21, 0x31, unix),
    ])
      assert.deepEqual(
        readProxyHeader(bytes, 'any'),
        { fault: null, length: bytes.length, client: null },
        bytes.toString('latin1'),
      )
  })

  const wrong: Readonly<Record<Exclude<HeaderFault, 'version'>, readonly (string | Buffer)[]>> = {
    missing: [
      '\x16\x03\x01',
      'GET / HTTP/1.1\r\n',
      'PROXIES',
      'proxy TCP4',
      '\r\n\r\n\0\r\nQUIT\r',
    ],
    malformed: [
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rx',
      'PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n',
      'PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n',
      'PROXY TCP4 ::1 ::2 1 2\r\n',
      'PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n',
      'PROXY TCP6 fe80::1%lo fe80::2 1 2\r\n',
      'PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n',
      'PROXY \r\n',
      'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nGET',
      rawV2Header(0x11, 0x11, Buffer.alloc(12)),
      rawV2Header(0x22, 0x11, Buffer.alloc(12)),
      rawV2Header(0x21, 0x11, Buffer.alloc(11)),
      rawV2Header(0x21, 0x21, Buffer.alloc(35)),
      rawV2Header(0x21, 0x31, Buffer.alloc(215)),
      rawV2Header(0x21, 0x12, Buffer.alloc(12)),
      rawV2Header(0x21, 0x41, Buffer.alloc(12)),
    ].map((bytes) => (typeof bytes === 'string' && !bytes.includes('\r') ? `${bytes}\r\n` : bytes)),
    too_long: [
      `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
      `PROXY TCP6 ${'x'.repeat(200)}`,
      rawV2Header(0x21, 0x11, Buffer.alloc(521)).subarray(0, 16),
      rawV2Header(0x20, 0x00, Buffer.alloc(521)),
    ],
  }
  for (const [fault, examples] of Object.entries(wrong))
    it(`with an error is ${fault}`, () => {
      for (const bytes of examples) assert.equal(faultOf(bytes), fault, JSON.stringify(bytes))
    })

  it('may be as long as the specification allows', () => {
    const line = `PROXY UNKNOWN ${'x'.repeat(91)}\r\n`
    assert.equal(line.length, 107)
    assert.equal(faultOf(line), null)
    assert.equal(faultOf(rawV2Header(0x21, 0x11, Buffer.alloc(520))), null)
  })
})
