import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream } from 'node:http2'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { eventSource, http1, http2Session, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'

const READERS = 1000
const CONNECTIONS = 10
const MESSAGES = 20
/** More than the kernel buffers for a connection that nobody reads. */
const FLOOD = 160

describe('a thousand streams', () => {
  let at: TestGateway
  let device: Credentials
  before(async () => {
    at = await startGateway({
      acl: 'pattern readwrite #\n',
      settings: {
        maxStreams: '2000',
        maxStreamsPerReader: '2000',
        streamBuffer: '256KiB',
        streamStall: '60',
        drainSeconds: '0',
        publishRate: '0',
      },
    })
    device = await at.pki.issue('device')
  })
  after(() => at[Symbol.asyncDispose]())

  it('get every message while one stops reading, which is closed and counted, and can resume', async () => {
    const sessions = Array.from({ length: CONNECTIONS }, () => http2Session(at, device))
    const readers = await Promise.all(
      Array.from({ length: READERS - 1 }, async (_, n) => {
        const session = sessions[n % CONNECTIONS] as (typeof sessions)[number]
        const stream = session.request({ ':path': '/stream?filter=t&format=raw' })
        await once(stream, 'response')
        return { numbers: numbersOf(stream) }
      }),
    )
    using first = await eventSource(at, device, '/stream?filter=t')
    const stopped = request({
      host: '127.0.0.1',
      port: at.ports.device,
      path: '/stream?filter=t&filter=big',
      ca: at.pki.authority.certificate,
      cert: device.certificate,
      key: device.key,
      headers: { accept: 'text/event-stream' },
      agent: false,
    }).end()
    const [response] = await once(stopped, 'response')
    response.pause()

    const client = await mqtt(at, device)
    const payload = Buffer.alloc(100_000)
    for (let n = 0; n < FLOOD; n++) {
      if (n < MESSAGES) await client.publishAsync('t', String(n), { qos: 1 })
      await client.publishAsync('big', payload, { qos: 1 })
    }
    const expected = Array.from({ length: MESSAGES }, (_, n) => n)
    for (const { numbers } of readers) assert.deepEqual(await numbers, expected)

    const dropped = 'wott_deliveries_dropped_total{door="device",reason="slow_reader"}'
    await at.until(dropped, 1)
    stopped.destroy()

    const { id = '' } = await first.next()
    using resumed = await eventSource(at, device, '/stream?filter=t', { 'last-event-id': id })
    for (let n = 1; n < MESSAGES; n++)
      assert.equal(JSON.parse((await resumed.next()).data).payload, String(n))
    await client.endAsync()
    for (const session of sessions) session.destroy()
  })

  it('get a burst in few writes', async () => {
    const socket = await rawTls(at, device)
    socket.write('GET /stream?filter=burst/%23 HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let [chunks, text] = [0, '']
    const done = new Promise<void>((resolve) =>
      socket.on('data', (bytes) => {
        chunks += 1
        text += bytes
        if (text.includes('"payload":"999"')) resolve()
      }),
    )
    while (!text.includes('retry:')) await once(socket, 'data')
    const before = chunks
    const lines = Array.from({ length: 1000 }, (_, n) =>
      JSON.stringify({ topic: 'burst/a', payload: String(n) }),
    )
    const answer = await http1(at, device, {
      path: '/topics',
      method: 'POST',
      body: `${lines.join('\n')}\n`,
      headers: { 'content-type': 'application/x-ndjson' },
    })
    assert.equal(answer.json.accepted, 1000)
    await done
    assert.ok(chunks - before < 500, `${chunks - before} chunks`)
    socket.destroy()
  })
})

/** The numbers that a raw stream delivers, once all have arrived. */
async function numbersOf(stream: ClientHttp2Stream): Promise<number[]> {
  const numbers: number[] = []
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines)
      if (line.startsWith('data: ')) numbers.push(Number(line.slice('data: '.length)))
    if (numbers.length === MESSAGES) return numbers
  }
  return numbers
}
