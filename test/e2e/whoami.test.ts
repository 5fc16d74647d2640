import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { http1, http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

describe('GET /whoami', () => {
  let at: TestGateway
  before(async () => {
    at = await startGateway({
      acl: [
        ...['topic read everybody/without/a/name', 'user sensor', 'topic write a/b'],
        ...['topic deny a/c', 'user other', 'topic read x', 'pattern readwrite own/%u/#'],
      ].join('\n'),
    })
  })
  after(() => at[Symbol.asyncDispose]())

  it('returns the identity of the certificate and its rights', async () => {
    const sensor = await at.pki.issue('sensor')
    const { fingerprint256, validToDate } = new X509Certificate(sensor.certificate)
    const session = http2Session(at, sensor)
    for (const answer of [
      await http1(at, sensor, { path: '/whoami' }),
      await http2(session, { ':path': '/whoami' }),
    ]) {
      assert.equal(answer.status, 200)
      assert.equal(answer.headers['cache-control'], 'no-store')
      assert.deepEqual(answer.json, {
        id: 'sensor',
        notAfter: validToDate.toISOString(),
        fingerprint256,
        rules: [
          { access: 'write', topic: 'a/b' },
          { access: 'deny', topic: 'a/c' },
          { access: 'readwrite', topic: 'own/sensor/#' },
        ],
      })
    }
    session.close()
  })

  it('returns new rights at once, on the same connection', async () => {
    const session = http2Session(at, await at.pki.issue('sensor'))
    const whoami = () => http2(session, { ':path': '/whoami' })
    assert.notDeepEqual((await whoami()).json.rules, [])
    await writeFile(at.aclFile, 'user other\ntopic read x\n')
    await at.gateway.reload()
    assert.deepEqual((await whoami()).json.rules, [])
    session.close()
  })
})
