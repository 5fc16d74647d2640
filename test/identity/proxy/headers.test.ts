import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GatewayError } from '../../../src/errors.ts'
import { PROXY_FORMATS } from '../../../src/identity/proxy/format-table.ts'
import { createHeaderReader, headersOf } from '../../../src/identity/proxy/headers.ts'
import { createSpoofDetector } from '../../../src/identity/proxy/spoofed.ts'

const NAMES = headersOf(PROXY_FORMATS.rfc9440)

/** The identity headers among these, in pairs, or the code of the refusal. */
function read(rawHeaders: string[], { names = NAMES } = {}) {
  const pairs = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [name.toLowerCase()] : []))
  const headers = Object.fromEntries(
    pairs.map((name, index) => [name, rawHeaders[index * 2 + 1] as string]),
  )
  const found = createHeaderReader(names)({ rawHeaders, headers })
  return found instanceof GatewayError ? found.code : { ...found }
}

describe('the headers of a proxy', () => {
  it('are read with names in any case', () => {
    const raw = ['Host', 'x', 'CLIENT-cert', ':a:', 'client-cert-chain', ':b:', 'Client-Cart', '']
    assert.deepEqual(read(raw), { certificate: ':a:', chain: ':b:' })
    assert.deepEqual(read(['Host', 'x']), {})
  })

  it('are refused when one is repeated, also with the same value', () => {
    for (const name of ['Client-Cert', 'client-cert', 'CLIENT-CERT'])
      assert.equal(read(['Client-Cert', 'a', name, 'a']), 'request_invalid')
    assert.equal(read(['Client-Cert-Chain', '', 'Client-Cert-Chain', '']), 'request_invalid')
  })

  it('are refused beside one with an underscore, which CGI treats as the same', () => {
    for (const name of ['client_cert', 'Client_Cert_Chain', 'client-cert_chain'])
      for (const raw of [
        [name, 'a'],
        ['Client-Cert', 'a', name, 'a'],
      ])
        assert.equal(read(raw), 'request_invalid', name)
  })

  it('are refused when Connection names one', () => {
    for (const connection of ['Client-Cert', 'close, client-cert', 'client-cert-chain,close'])
      assert.equal(
        read(['Connection', connection, 'Client-Cert', 'a']),
        'request_invalid',
        connection,
      )
    assert.deepEqual(read(['Connection', 'keep-alive, client', 'Client-Cert', 'a']), {
      certificate: 'a',
    })
  })

  it('are refused when they are too long together', () => {
    const raw = (bytes: number) => [
      'Client-Cert',
      'a'.repeat(20_000),
      'Client-Cert-Chain',
      'b'.repeat(bytes),
    ]
    assert.notEqual(read(raw(12_768)), 'headers_too_large')
    assert.equal(read(raw(12_769)), 'headers_too_large')
  })

  it('have only the names that the operator sets', () => {
    const names = headersOf(PROXY_FORMATS.nginx, { certificate: 'x-cert', verify: undefined })
    const raw = ['X-Cert', 'a', 'X-SSL-Client-Cert', 'b', 'X-SSL-Client-Verify', 'SUCCESS']
    assert.deepEqual(read(raw, { names }), { certificate: 'a', verify: 'SUCCESS' })
  })
})

describe('an identity header on another door', () => {
  it('is noticed under every name of every format', () => {
    const isSpoofed = createSpoofDetector({ certificate: 'x-own', verify: undefined })
    for (const name of [
      ...['client-cert', 'client-cert-chain', 'x-forwarded-client-cert', 'x-ssl-client-cert'],
      ...['x-ssl-client-verify', 'x-forwarded-tls-client-cert', 'x-amzn-mtls-clientcert-leaf'],
      ...['x-amzn-mtls-clientcert', 'cf-client-cert-der-base64', 'x-arr-clientcert', 'x-own'],
    ])
      assert.ok(isSpoofed({ headers: { [name]: '' } }), name)
    assert.ok(!isSpoofed({ headers: { host: 'x', 'x-other': 'y' } }))
  })
})
