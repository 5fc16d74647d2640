import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { GatewayError } from '../../../src/errors.ts'
import type { PassedHeaders, ProxyFormat } from '../../../src/identity/proxy/format.ts'
import { PROXY_FORMATS } from '../../../src/identity/proxy/format-table.ts'
import { toPem } from '../../../src/x509/pem.ts'
import { INTERMEDIATE, LEAF, ROOT } from './rfc9440-example.ts'

const [leaf, intermediate, root] = [LEAF, INTERMEDIATE, ROOT].map((text) =>
  Buffer.from(text, 'base64'),
) as [Buffer, Buffer, Buffer]
const pem = (der: Buffer) => toPem(der, 'CERTIFICATE')

/** The certificates in these headers, in base64, or the code of the refusal. */
function read(format: ProxyFormat, headers: PassedHeaders): string[] | string {
  const found = format.read(headers)
  return found instanceof GatewayError ? found.code : found.map((der) => der.toString('base64'))
}

function refusal(format: ProxyFormat, headers: PassedHeaders): string {
  const found = format.read(headers)
  assert.ok(found instanceof GatewayError)
  return found.message
}

/** Encodes as in the documentation of ALB: percent-encoded, with literal + = /. */
const asAlb = (text: string) =>
  encodeURIComponent(text).replace(/%2B|%3D|%2F/g, (code) => decodeURIComponent(code))

describe('every format', () => {
  const lone: Record<keyof typeof PROXY_FORMATS, (der: Buffer) => PassedHeaders> = {
    rfc9440: (der) => ({ certificate: `:${der.toString('base64')}:` }),
    xfcc: (der) => ({ certificate: `Hash=00;Cert="${encodeURIComponent(pem(der))}"` }),
    nginx: (der) => ({ certificate: encodeURIComponent(pem(der)), verify: 'SUCCESS' }),
    traefik: (der) => ({ certificate: der.toString('base64') }),
    alb: (der) => ({ certificate: asAlb(pem(der)) }),
    cloudflare: (der) => ({ certificate: der.toString('base64') }),
    gcp: (der) => ({ certificate: `:${der.toString('base64')}:` }),
    azure: (der) => ({ certificate: der.toString('base64') }),
  }

  for (const [name, format] of Object.entries(PROXY_FORMATS) as [
    keyof typeof PROXY_FORMATS,
    ProxyFormat,
  ][]) {
    it(`${name} is decoded to the bytes of the certificate`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (bytes) => {
          const der = Buffer.from(bytes)
          assert.deepEqual(read(format, lone[name](der)), [der.toString('base64')])
        }),
      )
    })

    it(`${name} without a header, or with an empty one, means a device without a certificate`, () => {
      assert.equal(read(format, {}), 'certificate_required')
      assert.equal(read(format, { certificate: '', verify: 'NONE' }), 'certificate_required')
    })

    it(`${name} refuses any other value, and never throws`, () => {
      const text = fc.oneof(fc.string(), fc.stringMatching(/^[:%A-Za-z0-9+/=," \\;-]*$/))
      fc.assert(
        fc.property(text, text, (certificate, chain) => {
          const found = format.read({ certificate, chain, verify: 'SUCCESS' })
          if (!(found instanceof GatewayError)) assert.ok(found.length > 0)
        }),
      )
    })

    it(`${name} refuses a certificate that is cut off or followed by bytes`, () => {
      const { certificate = '', ...more } = lone[name](leaf)
      for (const damaged of [certificate.slice(0, -9), `${certificate}x`, `${certificate}, `])
        assert.equal(typeof read(format, { certificate: damaged, ...more }), 'string', damaged)
    })
  }
})

describe('rfc9440', () => {
  const { rfc9440, gcp } = PROXY_FORMATS

  it("reads the RFC's own example, with its chain", () => {
    const headers = {
      certificate: `:${LEAF}:`,
      chain: `:${INTERMEDIATE}:, :${ROOT}:`,
    }
    assert.deepEqual(read(rfc9440, headers), [LEAF, INTERMEDIATE, ROOT])
    assert.deepEqual(read(gcp, headers), [LEAF, INTERMEDIATE, ROOT])
  })

  it('reads an empty byte sequence, which Caddy sends, as no certificate', () => {
    assert.equal(read(rfc9440, { certificate: '::' }), 'certificate_required')
  })

  it('refuses a value that is not one byte sequence', () => {
    for (const certificate of [
      ...[LEAF, `:${LEAF}`, `${LEAF}:`, `:${LEAF}:;a=1`, `:${LEAF}:, :${LEAF}:`, `"${LEAF}"`],
      ...[`: ${LEAF}:`, `:${LEAF.replace('M', '-')}:`, `:${LEAF.slice(0, -1)}:`, ':', ':::', '?1'],
    ])
      assert.equal(read(rfc9440, { certificate }), 'request_invalid', certificate)
  })

  it('refuses a chain with an invalid member, and too many certificates', () => {
    for (const chain of [INTERMEDIATE, `:${INTERMEDIATE}:,`, `,:${INTERMEDIATE}:`, '::'])
      assert.equal(read(rfc9440, { certificate: `:${LEAF}:`, chain }), 'request_invalid', chain)
    const long = (count: number) => ({
      certificate: `:${LEAF}:`,
      chain: Array(count).fill(`:${ROOT}:`).join(','),
    })
    assert.equal(read(rfc9440, long(15)).length, 16)
    assert.equal(read(rfc9440, long(16)), 'request_invalid')
  })

  it('reads a chain with blanks and tabs around its commas, and refuses thousands of them quickly', () => {
    const certificate = `:${LEAF}:`
    const chain = `:${INTERMEDIATE}: \t ,\t :${ROOT}:`
    assert.deepEqual(read(rfc9440, { certificate, chain }), [LEAF, INTERMEDIATE, ROOT])
    const started = process.cpuUsage()
    const blank = `:${INTERMEDIATE}:${' '.repeat(100_000)}:${ROOT}:`
    assert.equal(read(rfc9440, { certificate, chain: blank }), 'request_invalid')
    assert.ok(process.cpuUsage(started).user < 1_000_000)
  })
})

describe('nginx', () => {
  const { nginx } = PROXY_FORMATS
  const certificate = encodeURIComponent(pem(leaf))

  it('requires that nginx has accepted the certificate', () => {
    assert.deepEqual(read(nginx, { certificate, verify: 'SUCCESS' }), [LEAF])
    assert.equal(read(nginx, { certificate, verify: 'NONE' }), 'certificate_required')
    assert.equal(read(nginx, { certificate }), 'certificate_required')
    for (const verify of ['FAILED:certificate has expired', 'success', 'SUCCESS, SUCCESS', ''])
      assert.equal(read(nginx, { certificate, verify }), 'certificate_untrusted', verify)
  })

  it('refuses PEM with blanks instead of line breaks', () => {
    const certificate = pem(leaf).replaceAll('\n', ' ')
    assert.equal(read(nginx, { certificate, verify: 'SUCCESS' }), 'request_invalid')
  })
})

describe('alb', () => {
  const { alb } = PROXY_FORMATS

  it('keeps +, which form decoding would change to a blank', () => {
    const certificate = asAlb(pem(leaf))
    assert.ok(certificate.includes('+'))
    assert.match(certificate, /^-----BEGIN%20CERTIFICATE-----%0A/)
    assert.deepEqual(read(alb, { certificate }), [LEAF])
  })

  it('reads the whole chain of its pass-through mode', () => {
    const certificate = asAlb(pem(leaf) + pem(intermediate) + pem(root))
    assert.deepEqual(read(alb, { certificate }), [LEAF, INTERMEDIATE, ROOT])
  })

  it('refuses a value that was decoded on the way, or has a broken escape', () => {
    for (const certificate of [`${asAlb(pem(leaf))}%`, asAlb(pem(leaf)).replaceAll('+', '%20')])
      assert.equal(read(alb, { certificate }), 'request_invalid')
  })
})

describe('xfcc', () => {
  const { xfcc } = PROXY_FORMATS
  const cert = `Cert="${encodeURIComponent(pem(leaf))}"`
  const chain = `Chain="${encodeURIComponent(pem(leaf) + pem(intermediate))}"`
  // from Envoy's documentation
  const hash = 'Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688'
  const subject = 'Subject="/C=US/ST=CA/L=San Francisco/OU=Lyft/CN=Test Client"'
  const uri = 'URI=http://testclient.lyft.com'

  it('reads Cert= and Chain= among other fields', () => {
    assert.deepEqual(read(xfcc, { certificate: cert }), [LEAF])
    for (const certificate of [
      `By=http://frontend.lyft.com;${hash};${cert};${chain};${subject};${uri};DNS=a;DNS=b`,
      `${hash};${chain};${cert}`,
      chain,
    ])
      assert.deepEqual(read(xfcc, { certificate }), [LEAF, INTERMEDIATE], certificate)
  })

  it('refuses more than one element, as the client may have sent the first ones', () => {
    for (const certificate of [`${cert},${cert}`, `${hash},${cert}`, `${cert}, ${cert}`]) {
      assert.equal(read(xfcc, { certificate }), 'request_invalid', certificate)
      assert.match(refusal(xfcc, { certificate }), /SANITIZE_SET/)
    }
  })

  it('refuses only a hash or a name', () => {
    const certificate = `By=http://frontend.lyft.com;${hash};${subject};${uri}`
    assert.equal(read(xfcc, { certificate }), 'certificate_required')
    assert.match(refusal(xfcc, { certificate }), /not the certificate.*cert: true/)
  })

  it('refuses different Cert= and Chain=, or one of them twice', () => {
    const other = `Cert="${encodeURIComponent(pem(root))}"`
    for (const certificate of [
      ...[`${other};${chain}`, `${cert};${cert}`, `${cert};cert=x`, `${chain};${chain}`],
      ...[`Cert="${encodeURIComponent(pem(leaf) + pem(root))}"`, `${cert};`, `;${cert}`, 'Cert'],
    ])
      assert.equal(read(xfcc, { certificate }), 'request_invalid', certificate)
  })

  it('reads quoted text as a value, whatever it contains', () => {
    const quoted = String.raw`Subject="/CN=a\",Cert=x;Cert=\"y"`
    assert.deepEqual(read(xfcc, { certificate: `${quoted};${cert}` }), [LEAF])
    assert.equal(read(xfcc, { certificate: quoted }), 'certificate_required')
  })
})

describe('traefik', () => {
  const { traefik } = PROXY_FORMATS

  it('reads base64 without its PEM lines, escaped or not, and PEM', () => {
    for (const form of [
      (der: Buffer) => der.toString('base64'),
      (der: Buffer) => encodeURIComponent(der.toString('base64')),
      (der: Buffer) => encodeURIComponent(pem(der)),
    ]) {
      assert.deepEqual(read(traefik, { certificate: form(leaf) }), [LEAF])
      const certificate = `${form(leaf)},${form(intermediate)}`
      assert.deepEqual(read(traefik, { certificate }), [LEAF, INTERMEDIATE])
    }
  })

  it('refuses an empty member, several in one, and too many', () => {
    for (const certificate of [
      ...[`${LEAF},`, `,${LEAF}`, encodeURIComponent(pem(leaf) + pem(root)), `${LEAF}%`],
      Array(17).fill(LEAF).join(','),
    ])
      assert.equal(read(traefik, { certificate }), 'request_invalid')
  })

  it('refuses only the fields of a certificate', () => {
    const certificate = 'Subject%3D%22CN%3Dsensor%22%3BSerialNumber%3D%221%22'
    assert.equal(read(traefik, { certificate }), 'request_invalid')
  })
})
