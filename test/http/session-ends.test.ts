import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import { http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const IN_FLIGHT = 64
const LIMIT = 200
/** One that needs no framework once its URL is known. */
const POST = { ':method': 'POST', ':path': '/topics/a', 'content-length': 1 }

/** Keeps 64 requests in flight until the connection ends. Rejects if one of them gets no answer. */
async function publishUntilEnded(session: ClientHttp2Session, onAnswer: (count: number) => void) {
  const statuses: number[] = []
  async function publish(): Promise<void> {
    while (!session.closed) {
      statuses.push((await http2(session, POST, '1')).status)
      onAnswer(statuses.length)
    }
  }
  await once(session, 'connect')
  await Promise.all(Array.from({ length: IN_FLIGHT }, publish))
  return statuses
}

describe('an HTTP/2 connection that the gateway ends', () => {
  let at: TestGateway
  let device: Credentials

  before(async () => {
    at = await startGateway({
      acl: 'pattern readwrite #\n',
      settings: { maxRequestsPerConnection: String(LIMIT) },
    })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  it('loses no request when it has carried as many as it may', async () => {
    for (let connections = 0; connections < 3; connections++) {
      const session = http2Session(at, device)
      const closed = once(session, 'close')
      const statuses = await publishUntilEnded(session, () => {})
      assert.deepEqual(new Set(statuses), new Set([200]))
      assert.ok(statuses.length >= LIMIT && statuses.length <= LIMIT + IN_FLIGHT)
      await closed
    }
  })

  it('does not wait for an event stream, nor for a client that sends no more', async () => {
    const session = http2Session(at, device)
    const ends = [once(session, 'goaway'), once(session, 'close')]
    const stream = session.request({ ':path': '/topics/b', accept: 'text/event-stream' })
    await once(stream, 'response')
    for (let n = 1; n < LIMIT; n++) assert.equal((await http2(session, POST, '1')).status, 200)
    await ends[0]
    assert.equal(stream.closed, false)
    stream.resume().close()
    await ends[1]
  })

  it('loses no request when the gateway stops', async () => {
    const session = http2Session(at, device)
    const closed = once(session, 'close')
    let draining: Promise<void> | undefined
    const statuses = await publishUntilEnded(session, (count) => {
      if (count === IN_FLIGHT) draining = at.gateway.drain()
    })
    assert.deepEqual(new Set(statuses), new Set([200]))
    assert.ok(statuses.length < LIMIT)
    await Promise.all([closed, draining])
  })
})
