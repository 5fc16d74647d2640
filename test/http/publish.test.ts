import assert from 'node:assert/strict'
import { it } from 'node:test'
import { pino } from 'pino'
import { createAccess } from '../../src/acl/access.ts'
import { GatewayError } from '../../src/errors.ts'
import { createApp } from '../../src/http/app.ts'
import { nameCaller } from '../../src/http/caller.ts'
import { publishRoute } from '../../src/http/publish.ts'
import type { Trust } from '../../src/identity/trust.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import type { Relay } from '../../src/relay/relay.ts'
import { aclOf } from '../support/acl.ts'

function open(publish: Relay['publish'], named = true) {
  const logged: string[] = []
  const counted: string[] = []
  const app = createApp({
    ...{ trust: { context: {} } as Trust, requestCert: true },
    log: pino({}, { write: (line: string) => logged.push(line) }),
  })
  const identity = { id: 'device', serial: '', fingerprint256: '', notAfter: 0 }
  const access = createAccess(aclOf('topic write #\n'), { user: 'device', clientId: 'device' })
  app.addHook('onRequest', async (request) => {
    if (named) nameCaller(request, { identity, access, door: 'device' })
  })
  publishRoute(app, {
    ...{ relay: { publish }, maxPayload: 10 },
    meter: { ...silentMeter, published: (_door, _qos, result) => counted.push(result) },
  })
  const post = async (url: string, payload = '1') => {
    const answer = await app.inject({ method: 'POST', url, payload })
    return { ...answer, body: answer.body, status: answer.statusCode, json: answer.json() }
  }
  return { logged, counted, post }
}

it('a fault inside is told to the log, and to the device only by its trace id', async () => {
  const { post, logged, counted } = open(async () => {
    throw new Error('hunter2 in the database')
  })
  const { status, json, body } = await post('/topics/a')
  assert.deepEqual([status, json.code], [500, 'internal_error'])
  assert.doesNotMatch(body, /hunter2|\.ts:/)
  assert.equal(logged.length, 1)
  const line = JSON.parse(String(logged[0]))
  assert.equal(line.traceId, json.traceId)
  assert.equal(line.err.message, 'hunter2 in the database')
  // the relay has counted what it failed at
  assert.deepEqual(counted, [])
})

it('a broker that is gone is 503, with when to try again', async () => {
  const gone = new GatewayError('broker_unavailable', 'The broker is closed.', { retryAfter: 1 })
  const { post } = open(async () => gone)
  const { status, headers, json } = await post('/topics/a')
  assert.deepEqual([status, json.code, headers['retry-after']], [503, 'broker_unavailable', '1'])
})

it('what does not get as far as the relay is counted here', async () => {
  const { post, counted } = open(() => assert.fail())
  await post('/topics/%zz')
  await post('/topics/a?qos=2')
  await post('/topics/a', '12345678901')
  assert.deepEqual(counted, ['invalid', 'invalid', 'too_large'])
})

it('a request that no door has named is not published', async () => {
  const { post } = open(() => assert.fail(), false)
  assert.equal((await post('/topics/a')).json.code, 'internal_error')
})
