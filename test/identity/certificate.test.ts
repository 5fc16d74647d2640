import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PeerCertificate } from 'node:tls'
import fc from 'fast-check'
import { loadConfig } from '../../src/config/load.ts'
import { GatewayError } from '../../src/errors.ts'
import { type IdentityRules, type Peer, toIdentity } from '../../src/identity/certificate.ts'

const NOON = Date.parse('2026-11-23T12:00:00Z')
const { idPattern } = loadConfig({ WOTT_ACL_FILE: 'x' }).trust

const RULES: IdentityRules = { pattern: idPattern, now: () => NOON }

function peer(CN: unknown, more: object = {}, reason?: string): Peer {
  const certificate = {
    subject: CN === undefined ? {} : { CN },
    valid_to: 'Nov 23 12:00:01 2026 GMT',
    serialNumber: '0A',
    fingerprint256: 'AA:BB',
    ...more,
  }
  const objection = reason === undefined ? null : { reason }
  return { certificate: certificate as unknown as PeerCertificate, objection }
}

function outcome(of: Peer, rules: Partial<IdentityRules> = {}): string {
  const who = toIdentity(of, { ...RULES, ...rules })
  return who instanceof GatewayError ? who.code : who.id
}

describe('a certificate', () => {
  it('is the identity of its only CN', () => {
    assert.deepEqual(toIdentity(peer('a1b2c3.d.wott.local'), RULES), {
      id: 'a1b2c3.d.wott.local',
      serial: '0A',
      fingerprint256: 'AA:BB',
      notAfter: NOON + 1000,
    })
  })

  it('is required', () => {
    assert.equal(outcome({ certificate: undefined, objection: null }), 'certificate_required')
    const empty = { certificate: {} as PeerCertificate, objection: null }
    assert.equal(outcome(empty), 'certificate_required')
  })

  it('is valid until its end, exclusive', () => {
    assert.equal(outcome(peer('a'), { now: () => NOON + 999 }), 'a')
    assert.equal(outcome(peer('a'), { now: () => NOON + 1000 }), 'certificate_expired')
    assert.equal(outcome(peer('a', { valid_to: 'no date' })), 'certificate_expired')
    assert.equal(outcome(peer('a', {}, 'CERT_HAS_EXPIRED')), 'certificate_expired')
  })

  it('is refused with the reason of OpenSSL', () => {
    assert.equal(outcome(peer('a', {}, 'CERT_REVOKED')), 'certificate_revoked')
    assert.equal(outcome(peer('a', {}, 'CERT_NOT_YET_VALID')), 'certificate_untrusted')
  })

  it('is trusted only if OpenSSL has no objection', () => {
    for (const objection of [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'CERT_NOT_YET_VALID',
      'CRL_HAS_EXPIRED',
      'UNABLE_TO_GET_CRL',
      'whatever comes next',
      '',
    ])
      assert.equal(outcome(peer('a', {}, objection)), 'certificate_untrusted', objection)
  })

  it('is unusable without a CN, with two, or with one that is not text', () => {
    for (const CN of [undefined, ['a', 'b'], ['a'], [], '', 1, {}])
      assert.equal(outcome(peer(CN)), 'identity_unusable', JSON.stringify(CN))
  })

  it('is unusable with a CN above 253 bytes, whatever the pattern allows', () => {
    const pattern = /^.*$/u
    assert.equal(outcome(peer('a'.repeat(253))), 'a'.repeat(253))
    assert.equal(outcome(peer('a'.repeat(254))), 'identity_unusable')
    assert.equal(outcome(peer('é'.repeat(126)), { pattern }), 'é'.repeat(126))
    assert.equal(outcome(peer('é'.repeat(127)), { pattern }), 'identity_unusable')
  })

  it('may by default have a name of letters, digits, dots, dashes and underscores', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 6 }), (name) => {
        const usable = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && !/\n/.test(name)
        assert.equal(outcome(peer(name)), usable ? name : 'identity_unusable')
      }),
      { numRuns: 2000 },
    )
    for (const name of ['.a', '-a', '_a', 'a\n', '\na', 'a\0', 'a b', 'ａ'])
      assert.equal(outcome(peer(name)), 'identity_unusable', JSON.stringify(name))
  })

  it('is unusable with a name that is special in MQTT or in rules, whatever the pattern allows', () => {
    const parts = fc.constantFrom('a', '+', '#', '/', '$', '\0', '\n', '\u007f', 'é')
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 5 }), (all) => {
        const name = all.join('')
        const usable = /^[aé]+$/.test(name)
        assert.equal(outcome(peer(name), { pattern: /^.*$/s }), usable ? name : 'identity_unusable')
      }),
    )
  })
})
