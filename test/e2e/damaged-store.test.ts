import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openFile, temporaryDirectory } from '../broker/store/stores.ts'
import { eventSource, http1, http2, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const MESSAGES = 3_000
/** A message among the first thousand, which are read from the disk together. */
const DAMAGED = 100
const PAGE_BYTES = 4_096

/** Overwrites the page of the database that holds a message. */
function damage(file: string, marker: string): void {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(marker)
  assert.ok(at > 0, 'the message is not in the file')
  const page = Math.floor(at / PAGE_BYTES) * PAGE_BYTES
  bytes.fill(0xff, page, page + PAGE_BYTES)
  writeFileSync(file, bytes)
}

describe('a store with a damaged page', () => {
  const marker = (n: number) => `<${n}>`
  let at: TestGateway
  let device: Credentials
  let firstId: string

  before(async () => {
    const directory = temporaryDirectory()
    const { broker, publish } = await openFile(directory)
    const time = Date.now()
    const payloads = Array.from({ length: MESSAGES }, (_, n) => marker(n).padEnd(1_000, '.'))
    await Promise.all(payloads.map((payload) => publish('log', payload, { time, received: time })))
    const range = { after: 0, upTo: Number.MAX_SAFE_INTEGER, filters: ['log'] }
    const [first] = (await broker.log.read(range)).deliveries
    firstId = `${broker.log.epoch()}-${first?.sequence}`
    await broker.close()
    damage(join(directory, 'broker.sqlite'), marker(DAMAGED))
    const settings = { broker: `file:${directory}` }
    at = await startGateway({ acl: 'pattern readwrite #\n', settings })
    device = await at.pki.issue('device.d.wott.local')
  })
  after(() => at[Symbol.asyncDispose]())

  const ask = (query: string) => http1(at, device, { path: `/history?filter=log&${query}` })

  for (const query of ['format=json', 'format=ndjson', 'format=csv', 'every=1m'])
    it(`answers 503 where nothing was sent yet: ${query}`, async () => {
      const errors = (await at.metric('wott_store_read_errors_total')) ?? 0
      const { status, headers, json, text } = await ask(`limit=10000&${query}`)
      assert.equal(status, 503)
      assert.equal(json.code, 'broker_unavailable')
      assert.equal(headers['retry-after'], '1')
      assert.equal(headers['content-disposition'], undefined)
      assert.doesNotMatch(text, /sqlite|malformed/)
      assert.ok(((await at.metric('wott_store_read_errors_total')) ?? 0) > errors)
      const line = await at.logged(({ msg }) => msg === 'the store cannot be read')
      assert.match(String(line.reason), /malformed/)
    })

  for (const format of ['json', 'ndjson', 'csv'])
    it(`breaks off an answer that has begun: ${format}`, async () => {
      const query = `order=desc&limit=10000&format=${format}`
      await assert.rejects(ask(query), { code: 'ECONNRESET' })
      const session = http2Session(at, device)
      const path = `/history?filter=log&${query}`
      await assert.rejects(http2(session, { ':path': path }), /NGHTTP2/)
      session.close()
    })

  it('breaks off a stream that resumes over it, and accepts messages as before', async () => {
    using resumed = await eventSource(at, device, '/topics/log', { 'last-event-id': firstId })
    await assert.rejects(resumed.next(), /ended before its next event/)
    using live = await eventSource(at, device, '/topics/new')
    const publisher = await mqtt(at, device)
    await publisher.publishAsync('new', '1', { qos: 1 })
    await publisher.endAsync()
    assert.equal(JSON.parse((await live.next()).data).payload, '1')
    assert.equal((await ask('limit=1&order=desc')).status, 200)
  })
})
