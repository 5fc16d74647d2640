import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { createAuthority } from '../../src/ca/authority.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { Answer, Call } from './client.ts'
import { readDocument } from './document.ts'
import { codeOf, openSite, type Site } from './site.ts'

const DAY_MS = 86_400_000
const { servers } = await readDocument()
const viewer = servers.find(({ variables }) => variables.port?.default === '9443')
assert.ok(viewer)

let site: Site

const asSensor = (operation: string, call: Call = {}) =>
  site.client.call(operation, { certificate: site.sensor, ...call })
const asAlice = async (apiKey: string, call: Call = {}) =>
  site.client.call('whoami', { server: viewer, apiKey, ...call })

/** Calls whoami with another certificate. */
async function as(name: string, ...more: unknown[]): Promise<Answer> {
  const issue = site.at.pki.issue as (name: string, ...more: unknown[]) => Promise<Site['sensor']>
  return site.client.call('whoami', { certificate: await issue(name, ...more) })
}

/**
 * Causes each refusal by a change to the example of the operation. Missing are
 * `request_timeout`, which takes 30 seconds, `idempotency_key_in_use`, which needs a slow store, `method_not_allowed`, which is no
 * answer to an operation, and `not_supported_here` and `subscription_refused`, which come from a function or from a gateway in
 * front of another broker.
 */
const PROVOKED: Record<
  Exclude<
    ErrorCode,
    | 'request_timeout'
    | 'idempotency_key_in_use'
    | 'method_not_allowed'
    | 'not_supported_here'
    | 'subscription_refused'
  >,
  () => Promise<Answer>
> = {
  certificate_required: () => site.client.call('whoami'),
  certificate_expired: () => as('old', { notBefore: Date.now() - 7 * DAY_MS }),
  async certificate_revoked() {
    const certificate = await site.at.pki.issue('revoked')
    await site.at.pki.revoke(certificate.serial)
    await site.at.gateway.reload()
    return site.client.call('whoami', { certificate })
  },
  certificate_untrusted: async () => as('foreign', {}, await createAuthority()),
  identity_unusable: () => as('odd', { commonName: ['one', 'two'], names: ['odd'] }),
  session_required: () => site.client.call('whoami', { server: viewer }),
  session_expired: async () => asAlice(await site.session(1)),
  async session_ended() {
    const apiKey = await site.session()
    await site.client.call('logOut', { apiKey })
    return asAlice(apiKey)
  },
  invite_invalid: () => site.client.call('logIn'),
  readings_refused: () =>
    asSensor('publishMany', { body: '{"topic":"elsewhere","payload":1}\n{"topic":"wott/a"}' }),
  topic_invalid: () => asSensor('publish', { parameters: { topic: 'wott/+' } }),
  query_invalid: () => asSensor('publish', { parameters: { qos: '2' } }),
  request_invalid: () => asSensor('whoami', { options: { setHost: false } }),
  async idempotency_key_reused() {
    const parameters = { 'Idempotency-Key': '"one"' }
    await asSensor('publish', { parameters, body: '1' })
    return asSensor('publish', { parameters, body: '2' })
  },
  time_invalid: () => asSensor('publish', { parameters: { time: '12' } }),
  body_invalid: () => asSensor('publishMany', { body: Buffer.from([0xff]) }),
  cloud_event_invalid: () => asSensor('publish', { headers: { 'ce-specversion': '1.0' } }),
  publish_denied: () => asSensor('publish', { parameters: { topic: 'elsewhere' } }),
  read_denied: () => asSensor('readTopic', { parameters: { topic: 'elsewhere' } }),
  origin_denied: () => asSensor('whoami', { headers: { origin: 'https://elsewhere.example' } }),
  not_found: () => asSensor('getAsset', { parameters: { file: 'nothing.js' } }),
  not_retained: () => asSensor('readTopic', { parameters: { topic: 'wott/nothing' } }),
  payload_too_large: () => asSensor('publish', { body: 'x'.repeat(200_000) }),
  unsupported_media_type: () => asSensor('publishMany', { mediaType: 'application/json' }),
  content_encoding_unsupported: () =>
    asSensor('publish', { headers: { 'content-encoding': 'br' } }),
  async rate_limited() {
    const certificate = await site.at.pki.issue('hasty')
    for (;;) {
      const answer = await site.client.call('publish', { certificate })
      if (answer.status === 429) return answer
    }
  },
  quota_exceeded: () => asSensor('publishMany', { body: '\n'.repeat(300_000) }),
  // only a little more than the bound, as unread bytes reset the connection, which may lose the answer
  headers_too_large: () => asSensor('whoami', { headers: { 'x-filler': 'x'.repeat(213_000) } }),
  internal_error: async () => {
    const body = codeOf(await site.invite())
    return withoutLock(() => site.client.call('logIn', { body }))
  },
  session_not_stored: async () => {
    const apiKey = await site.session()
    return withoutLock(() => site.client.call('logOut', { apiKey }))
  },
  view_not_stored: async () => {
    const apiKey = await site.session()
    return withoutLock(() => site.client.call('keepView', { apiKey }))
  },
  async broker_unavailable() {
    await limitFiles('1')
    const answer = await asSensor('publish', { parameters: { qos: '1', retain: 'true' } })
    await limitFiles('unlimited')
    return answer
  },
  too_many_streams: () => asSensor('openStream'),
  too_many_polls: () => asSensor('readCommands', { parameters: { wait: '1' } }),
}

/** The answer while the list of viewers cannot be changed. */
async function withoutLock(call: () => Promise<Answer>): Promise<Answer> {
  const lock = `${site.at.viewersFile}.lock`
  await rm(lock)
  await mkdir(lock)
  const answer = await call()
  await rm(lock, { recursive: true })
  return answer
}

/** Limits the files of this process, which includes the gateway, as if the disk were full. */
async function limitFiles(bytes: string): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:`])
}

describe('a client that only knows openapi.json understands', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wott-refusals-'))
    const limits = {
      publishRate: '1',
      publishBurst: '10',
      maxStreams: '0',
      maxPolls: '0',
      memoryBytesPerDevice: '256KiB',
    }
    site = await openSite({ broker: `file:${folder}`, ...limits })
  })
  after(async () => {
    await site[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  for (const [code, provoke] of Object.entries(PROVOKED))
    it(code, async () => {
      const { body } = await provoke()
      assert.equal(body.code, code)
    })
})
