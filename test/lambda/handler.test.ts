import assert from 'node:assert/strict'
import { type EventEmitter, once as onceOf } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import { createAuthority } from '../../src/ca/authority.ts'
import { createHandler } from '../../src/lambda/handler.ts'
import { albEncoded, HTTP_EVENTS, readFixture } from './events.ts'
import { ACL, invoke, type LambdaSite, startSite } from './site.ts'

const API_GATEWAY = HTTP_EVENTS.filter((name) => !name.startsWith('alb'))
const DAY_MS = 86_400_000

describe('a function in front of Mosquitto', () => {
  let site: LambdaSite
  let client: MqttClient
  before(async () => {
    site = await startSite()
    client = await site.client()
    await client.subscribeAsync('wott/#', { qos: 1, rap: true })
  })
  after(() => site[Symbol.asyncDispose]())
  // its types do not include those of an EventEmitter
  const once = (event: string) => onceOf(client as unknown as EventEmitter, event)

  async function next(): Promise<{ topic: string; text: string; qos: number; retain: boolean }> {
    const [topic, payload, { qos, retain }] = await once('message')
    return { topic, text: payload.toString(), qos, retain }
  }

  for (const name of API_GATEWAY)
    for (const qos of [0, 1])
      it(`publishes with QoS ${qos}: ${name}`, async () => {
        const [message, answer] = await Promise.all([
          next(),
          invoke(site, name, site.sensor, { query: `qos=${qos}` }),
        ])
        const { status, json, headers } = answer
        assert.deepEqual([status, json.message], [200, 'OK'], JSON.stringify(json))
        assert.equal(headers['x-request-id'], json.traceId)
        const topic = 'wott/temperature'
        assert.deepEqual(message, { topic, text: '21.5', qos, retain: false })
      })

  it('publishes to the topic that was sent, byte for byte', async () => {
    const body = Buffer.from([0xff, 0x00, 0x0a])
    for (const name of API_GATEWAY)
      for (const [path, topic] of [
        ['/topics/wott%2Froom%20%C2%B0C', 'wott/room °C'],
        ['/topics/wott/a%252Fb', 'wott/a%2Fb'],
        ['/topics/wott/../x', 'wott/../x'],
        ['/topics/wott//x', 'wott//x'],
      ] as const) {
        const arrived = once('message')
        const { status } = await invoke(site, name, site.sensor, { path, query: 'qos=1', body })
        const [at, payload] = await arrived
        assert.deepEqual([status, at, payload], [200, topic, body], `${name} ${path}`)
      }
  })

  it('publishes many', async () => {
    const body = [
      '{"topic":"wott/a","payload":1,"qos":1}',
      '{"topic":"wott/b","payload":"2"}',
      '{"topic":"elsewhere","payload":3}',
    ].join('\n')
    const arrived = Array.fromAsync([next(), next()].values())
    const headers = { 'content-type': ['application/x-ndjson'], 'Content-Type': [] }
    const answer = await invoke(site, 'http-2.0', site.sensor, {
      path: '/topics',
      query: '',
      body,
      headers,
    })
    assert.equal(answer.json.accepted, 2, JSON.stringify(answer.json))
    assert.deepEqual(
      answer.json.refused.map(({ line, code }: { line: number; code: string }) => [line, code]),
      [[3, 'publish_denied']],
    )
    await arrived
  })

  it('reads retained messages as they are at that moment', async () => {
    const read = (path: string) =>
      invoke(site, 'http-2.0', site.sensor, { method: 'GET', path, query: '', body: '' })
    assert.equal((await read('/topics/wott/kept')).json.code, 'not_retained')
    for (const text of ['1', '2']) {
      await client.publishAsync('wott/kept', text, { retain: true, qos: 1 })
      const answer = await read('/topics/wott/kept')
      assert.deepEqual([answer.status, answer.body.toString()], [200, text])
    }
    const query = 'qos=1&retain=true'
    const path = '/topics/wott/kept'
    const body = Buffer.from([0xff, 0x01])
    assert.equal((await invoke(site, 'rest', site.sensor, { path, query, body })).status, 200)
    assert.deepEqual((await read(path)).body, body)
    const shape = await read('/retainedMessage/wott/kept')
    assert.equal(shape.json.payload, body.toString('base64'))
    assert.equal((await read('/topics/elsewhere')).json.code, 'read_denied')
  })

  it('answers whoami', async () => {
    for (const name of API_GATEWAY) {
      const answer = await invoke(site, name, site.sensor, {
        method: 'GET',
        path: '/whoami',
        query: '',
        body: '',
      })
      assert.deepEqual([answer.status, answer.json.id], [200, 'sensor.d.wott.local'])
      assert.deepEqual(answer.json.rules, [{ access: 'readwrite', topic: 'wott/#' }])
    }
  })

  it('refuses streams, history and commands, with a reason', async () => {
    for (const [path, headers] of [
      ['/topics/wott/temperature', { accept: ['text/event-stream'] }],
      ['/stream', {}],
      ['/history', {}],
      ['/commands', {}],
    ] as const) {
      const answer = await invoke(site, 'http-2.0', site.sensor, {
        method: 'GET',
        path,
        query: '',
        body: '',
        headers,
      })
      assert.deepEqual([answer.status, answer.json.code], [501, 'not_supported_here'], path)
      assert.match(answer.json.detail, /runs as a function/)
      assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json/)
    }
  })

  it('refuses a large payload, and a repeated query setting', async () => {
    const body = 'x'.repeat(1_500_000)
    const large = await invoke(site, 'rest', site.sensor, { body })
    assert.deepEqual([large.status, large.json.code], [413, 'payload_too_large'])
    const headers = { 'Content-Type': ['application/x-ndjson'] }
    const many = await invoke(site, 'rest', site.sensor, { path: '/topics', body, headers })
    assert.deepEqual([many.status, many.json.code], [413, 'payload_too_large'])
    for (const name of API_GATEWAY) {
      const { status, json } = await invoke(site, name, site.sensor, { query: 'qos=0&qos=1' })
      assert.deepEqual([status, json.code], [400, 'query_invalid'], name)
    }
  })

  it('refuses what the ACL denies', async () => {
    const answer = await invoke(site, 'rest', site.sensor, { path: '/topics/elsewhere' })
    assert.deepEqual([answer.status, answer.json.code], [403, 'publish_denied'])
  })

  it('refuses a client without a valid certificate, whatever its headers', async () => {
    const { pki, sensor } = site
    const revoked = await pki.issue('revoked')
    await pki.revoke(revoked.serial)
    const foreign = await createAuthority()
    const headers = {
      'x-amzn-mtls-clientcert-leaf': [encodeURIComponent(sensor.certificate)],
      'x-amzn-mtls-clientcert': [encodeURIComponent(sensor.certificate)],
      'client-cert': [`:${Buffer.from(sensor.certificate).toString('base64')}:`],
      'x-forwarded-client-cert': [`Cert="${encodeURIComponent(sensor.certificate)}"`],
    }
    for (const name of API_GATEWAY)
      for (const [who, code] of [
        [null, 'certificate_required'],
        [revoked, 'certificate_revoked'],
        [await pki.issue('old', { notBefore: Date.now() - 7 * DAY_MS }), 'certificate_expired'],
        [await pki.issue('foreign', {}, foreign), 'certificate_untrusted'],
        [{ certificate: 'nonsense' }, 'request_invalid'],
      ] as const) {
        const answer = await invoke(site, name, who, { headers })
        assert.equal(answer.json.code, code, name)
      }
  })

  it('accepts no identity from a load balancer without the setting', async () => {
    for (const name of ['alb', 'alb-multi-value'] as const) {
      const { status, json } = await invoke(site, name, site.sensor)
      assert.deepEqual([status, json.code], [401, 'certificate_required'])
      assert.match(json.detail, /WOTT_PROXY_IDENTITY=alb/)
    }
  })

  it('refuses a function URL, which has no mutual TLS', async () => {
    const result = await site.handler(readFixture('function-url'))
    assert.equal(JSON.parse(result.body).code, 'certificate_required')
  })

  it('refuses events of other services, and requests that HTTP cannot carry', async () => {
    await assert.rejects(site.handler(readFixture('sqs')), /not an HTTP request/)
    const headers = { 'x-a': ['1\r\nx-b: 2'] }
    const { status, json } = await invoke(site, 'rest', site.sensor, { headers })
    assert.deepEqual([status, json.code], [400, 'request_invalid'])
  })

  it('checks its files at each request', async () => {
    const { pki, aclFile } = site
    const who = await pki.issue('late')
    const ask = async () => (await invoke(site, 'rest', who)).json.code
    assert.equal(await ask(), 'publish_denied')
    await writeFile(aclFile, `${ACL}user late\ntopic write wott/#\n`)
    assert.equal(await ask(), undefined)
    await pki.revoke(who.serial)
    assert.equal(await ask(), 'certificate_revoked')
    await writeFile(aclFile, 'nonsense\n')
    assert.equal((await invoke(site, 'rest', site.sensor)).status, 200)
    await site.log.logged(({ msg }) => /old rules are still used/.test(`${msg}`))
    await writeFile(aclFile, ACL)
  })
})

describe('a function that checks its files once an hour', () => {
  it('uses the files that it has read', async () => {
    await using site = await startSite({ WOTT_FUNCTION_RELOAD: '3600' })
    await site.handler.ready()
    await writeFile(site.aclFile, '')
    await site.pki.revoke(site.sensor.serial)
    assert.equal((await invoke(site, 'rest', site.sensor)).status, 200)
  })
})

describe('a function behind a load balancer', () => {
  let site: LambdaSite
  before(async () => {
    site = await startSite({ WOTT_PROXY_IDENTITY: 'alb' })
  })
  after(() => site[Symbol.asyncDispose]())

  for (const name of ['alb', 'alb-multi-value'] as const)
    it(`takes the certificate from its header: ${name}`, async () => {
      const path = '/topics/wott%2Froom%20%C2%B0C'
      const { status, json } = await invoke(site, name, site.sensor, { path, query: 'qos=1' })
      assert.deepEqual([status, json.message], [200, 'OK'], JSON.stringify(json))
      const nobody = await invoke(site, name, null)
      assert.deepEqual([nobody.status, nobody.json.code], [401, 'certificate_required'])
    })

  it('refuses a header with an ambiguous name', async () => {
    const { sensor } = site
    const other = encodeURIComponent((await site.pki.issue('other')).certificate)
    const leaf = 'x-amzn-mtls-clientcert-leaf'
    for (const headers of [
      { 'X-Amzn-Mtls-Clientcert-Leaf': [other] },
      { [leaf.replaceAll('-', '_')]: [other] },
      { connection: [leaf] },
    ]) {
      const { status, json } = await invoke(site, 'alb-multi-value', sensor, { headers })
      assert.deepEqual([status, json.code], [400, 'request_invalid'])
    }
  })

  it('verifies the certificate, as the load balancer may not have', async () => {
    const foreign = await site.pki.issue('foreign', {}, await createAuthority())
    const { json } = await invoke(site, 'alb', foreign)
    assert.equal(json.code, 'certificate_untrusted')
  })

  it('accepts the chain of the pass-through mode with its header name', async () => {
    const header = 'x-amzn-mtls-clientcert'
    await using own = await startSite({
      WOTT_PROXY_IDENTITY: 'alb',
      WOTT_PROXY_CERT_HEADER: header,
    })
    const chain = `${own.sensor.certificate}${own.sensor.ca}`
    const headers = { [header]: [albEncoded(chain)] }
    const answer = await invoke(own, 'alb', null, { headers })
    assert.deepEqual([answer.status, answer.json.message], [200, 'OK'])
    assert.equal((await invoke(own, 'alb', own.sensor)).status, 401)
  })
})

describe('a function whose broker is away', () => {
  it('answers 503 after WOTT_FUNCTION_WAIT, and continues when the broker is back', async () => {
    await using site = await startSite({ WOTT_FUNCTION_WAIT: '500' })
    const { mosquitto, sensor } = site
    assert.equal((await invoke(site, 'rest', sensor)).status, 200)
    await mosquitto.kill()
    for (const qos of [0, 1]) {
      const started = performance.now()
      const answer = await invoke(site, 'rest', sensor, { query: `qos=${qos}` })
      const waited = performance.now() - started
      assert.ok(waited > 450 && waited < 5_000, `${waited} ms`)
      assert.deepEqual([answer.status, answer.json.code], [503, 'broker_unavailable'])
      assert.equal(answer.headers['retry-after'], '2')
    }
    await mosquitto.start()
    assert.equal((await invoke(site, 'rest', sensor)).status, 200)
  })

  it('answers before its own timeout', async () => {
    await using site = await startSite({ WOTT_FUNCTION_WAIT: '60000' })
    await site.mosquitto.kill()
    const started = performance.now()
    const { status, json } = await invoke(site, 'rest', site.sensor, {}, 1_000)
    // a busy machine answers late, but far below WOTT_FUNCTION_WAIT
    assert.ok(performance.now() - started < 5_000)
    assert.deepEqual([status, json.code], [503, 'broker_unavailable'])
  })
})

describe('a function with wrong settings', () => {
  it('reports what is wrong, and tries again', async () => {
    await using site = await startSite()
    for (const [change, reason] of [
      [{ WOTT_BROKER: 'memory:' }, /WOTT_BROKER must be mqtts/],
      [{ WOTT_ACL_FILE: '/nowhere' }, /no such file/],
    ] as const) {
      const environment: Record<string, string> = {
        ...site.environment,
        WOTT_BROKER_CA_FILE: '',
        ...change,
      }
      for (const name of ['CERT', 'KEY']) environment[`WOTT_BROKER_${name}_FILE`] = ''
      const handler = createHandler({ environment, log: site.log.log })
      for (const _ of [1, 2]) await assert.rejects(handler(readFixture('rest')), reason)
    }
  })
})
