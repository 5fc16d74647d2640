import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { connectAsync } from 'mqtt'
import { revokeDevice } from '../../src/ca/devices.ts'
import { CLOCK_SKEW_MS, DAY_MS } from '../../src/ca/validity.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { CACERTS, type EnrolSite, type Pair, PEM, RENEW, startEnrolSite } from './site.ts'

const LIFE_MS = 6_000
const PACE_MS = 100
const ACL = 'pattern readwrite %u/#\n'

let site: EnrolSite
let gateway: TestGateway
before(async () => {
  site = await startEnrolSite({ days: (CLOCK_SKEW_MS + LIFE_MS) / DAY_MS })
  const { certs, authority } = site.layout
  gateway = await startGateway({
    acl: ACL,
    settings: { certsDir: certs.directory, crlFile: authority.crl },
  })
})
after(async () => {
  await gateway[Symbol.asyncDispose]()
  await site[Symbol.asyncDispose]()
})

/** Publishes over HTTPS on a new connection, and returns the status. */
async function publish(who: Pair, id: string): Promise<number> {
  const path = `/topics/${id}/temperature?qos=1`
  const sent = request({
    host: '127.0.0.1',
    port: gateway.ports.device,
    ca: site.ca,
    servername: 'localhost',
    cert: who.certificate,
    key: who.key,
    agent: false,
    path,
    method: 'POST',
  })
  sent.end('21.5')
  const [response] = await once(sent, 'response')
  response.resume()
  return response.statusCode
}

async function renew(who: Pair, id: string): Promise<Pair> {
  const { csr, key } = await site.request(id)
  const { status, body } = await site.ask(RENEW, { as: who, body: csr, headers: PEM })
  assert.equal(status, 200, body)
  const renewed = { certificate: body, key }
  assert.equal((await site.ask(CACERTS, { as: renewed })).status, 200)
  return renewed
}

describe('a device whose certificate is short-lived', () => {
  it('renews it three times in a row without a failed reading', async () => {
    const id = 'brief.d.wott.local'
    let held = await site.enrolled('brief')
    const statuses: number[] = []
    for (let renewals = 0; renewals < 3; renewals += 1) {
      const due = new X509Certificate(held.certificate).validToDate.getTime() - LIFE_MS / 3
      let renewed: Pair | undefined
      // renews at two thirds of its life while it publishes
      const renewing = async () => {
        renewed = await renew(held, id)
      }
      let started: Promise<void> | undefined
      while (!renewed) {
        if (!started && Date.now() >= due) started = renewing()
        statuses.push(await publish(held, id))
        await pause(PACE_MS)
      }
      await started
      held = renewed
    }
    statuses.push(await publish(held, id))
    assert.deepEqual([...new Set(statuses)], [200])
    const { validToDate } = new X509Certificate(held.certificate)
    const name = `wott_device_certificate_expiry_timestamp_seconds{device="${id}"}`
    assert.equal(await gateway.metric(name), validToDate.getTime() / 1000)
  })
})

describe('a device that was switched off', () => {
  it('renews by itself a week after its certificate has expired', async () => {
    const held = await site.expired('cottage', 7)
    assert.equal(await publish(held, 'cottage.d.wott.local'), 401)
    const renewed = await renew(held, 'cottage.d.wott.local')
    assert.equal(await publish(renewed, 'cottage.d.wott.local'), 200)
  })

  it('needs an invite a month after its certificate has expired', async () => {
    const held = await site.expired('ruin', 31)
    const { csr } = await site.request(null)
    const { status, body } = await site.ask(RENEW, { as: held, body: csr })
    assert.equal(status, 403)
    assert.match(body, /30 days ago/)
  })
})

describe('a device that is revoked', () => {
  it('is disconnected from every door within seconds, and cannot renew', async () => {
    const id = 'thief.d.wott.local'
    const held = await site.expired('thief', -1)
    assert.equal(await publish(held, id), 200)
    const mqtt = await connectAsync({
      protocol: 'mqtts',
      host: '127.0.0.1',
      port: gateway.ports.mqtt,
      ca: site.ca,
      servername: 'localhost',
      cert: held.certificate,
      key: held.key,
      reconnectPeriod: 0,
    })
    const closed = new Promise<void>((resolve) => mqtt.once('close', () => resolve()))
    const before = performance.now()
    await revokeDevice(site.path, 'thief')
    await closed
    assert.ok(performance.now() - before < 5_000)
    assert.equal(await publish(held, id), 401)
    const { csr } = await site.request(null)
    const renewal = await site.ask(RENEW, { as: held, body: csr })
    assert.equal(renewal.status, 403)
    assert.match(renewal.body, /revoked/)
    assert.equal((await site.ask('/v0.2/ping', { as: held })).status, 403)
    await mqtt.endAsync(true)
  })
})
