import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { finishRotation, startRotation } from '../../src/ca/rotation.ts'
import { CACERTS, type EnrolSite, PEM, RENEW, startEnrolSite } from './site.ts'

let site: EnrolSite
before(async () => {
  site = await startEnrolSite()
})
after(() => site[Symbol.asyncDispose]())

describe('a device during a CA rotation', () => {
  it('moves to the new CA at its renewal, and is not locked out by a lost answer', async () => {
    const before = await site.enrolled('kitchen')
    const [old] = certificatesIn((await site.ask(CACERTS, { headers: PEM })).body)
    assert.ok(old)
    await startRotation(site.path)

    const { csr, key } = await site.request('kitchen.d.wott.local')
    const renewal = await site.ask(RENEW, { as: before, body: csr, headers: PEM })
    assert.equal(renewal.status, 200, renewal.body)
    const renewed = { certificate: renewal.body, key }
    const issued = new X509Certificate(renewed.certificate)
    assert.ok(!issued.verify(old.publicKey))
    await assert.rejects(
      finishRotation(site.path),
      /kitchen\.d\.wott\.local was issued a certificate of the new CA, but has not used it/,
    )
    // the old certificate can still be renewed, in case the answer was lost
    const again = await site.request('kitchen.d.wott.local')
    const { status } = await site.ask(RENEW, { as: before, body: again.csr, headers: PEM })
    assert.equal(status, 200)

    const { body } = await site.ask(CACERTS, { as: renewed, headers: PEM })
    const [first, second, ...more] = certificatesIn(body)
    assert.equal(first?.fingerprint256, old.fingerprint256)
    assert.ok(second && issued.verify(second.publicKey))
    assert.deepEqual(more, [])
    await assert.rejects(finishRotation(site.path), (error: Error) => {
      assert.doesNotMatch(error.message, /kitchen/)
      return true
    })

    const seen = site.lines.length
    await finishRotation(site.path, { force: true })
    await site.logged((line) => isLoaded(line) && site.lines.indexOf(line) >= seen)
  })
})

function isLoaded({ msg }: Record<string, unknown>): boolean {
  return msg === 'certificate files loaded'
}

function certificatesIn(text: string): X509Certificate[] {
  const pems = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return pems.map((pem) => new X509Certificate(pem))
}
