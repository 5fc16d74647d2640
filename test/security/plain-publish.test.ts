import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { after, before, describe, it } from 'node:test'
import { http2, http2Session } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'
import { rawTls } from '../support/raw.ts'
import { END_HEADERS, END_STREAM, FRAME, frame, hpack, PREFACE } from '../support/raw-http2.ts'
import { until } from '../support/until.ts'

const ACL = 'pattern write #\nuser denied.d.wott.local\ntopic deny known\n'
const SETTINGS = { memoryBytesPerDevice: '256KiB', publishRate: '1', publishBurst: '50' }
const PATH = '/topics/known'
/** A header that only the route reads, and that has no effect. */
const BY_ROUTE = { prefer: 'nothing' }
const GOAWAY = 7
const CANCEL = Buffer.from([0, 0, 0, 8])
/** What a publish is counted as, and the limits that it can reach. */
const COUNTERS =
  /^(wott_(?:connections_cut|memory_refused|publishes|spoofed_identity_headers)_total\S*) (\d+)$/gm
const IDLE = /^wott_memory_held_bytes\{kind="request"\} 0$/m

type Headers = Readonly<Record<string, string>>

describe('a publish over HTTP/2 whose URL is known', () => {
  let at: TestGateway
  let counted: ReadonlyMap<string, number>
  let ways: readonly (readonly [Headers, Credentials])[]

  before(async () => {
    at = await startGateway({ acl: ACL, settings: SETTINGS })
    ways = [
      [{}, await at.pki.issue('plain.d.wott.local')],
      [BY_ROUTE, await at.pki.issue('route.d.wott.local')],
    ]
    const [[, who] = assert.fail()] = ways
    const session = http2Session(at, who)
    assert.equal((await http2(session, post(), '1')).status, 200)
    session.close()
    counted = await counters()
  })
  after(() => at[Symbol.asyncDispose]())

  function post(more: Headers = {}): Headers {
    return { ':method': 'POST', ':path': PATH, 'content-length': '1', ...more }
  }

  /** Waits until the gateway holds nothing of a request any more. */
  async function counters(): Promise<Map<string, number>> {
    const text = await until(at.metrics, (metrics) => IDLE.test(metrics))
    const samples = text.matchAll(COUNTERS)
    return new Map(Array.from(samples, ([, name = '', value]) => [name, Number(value)]))
  }

  /** What the client saw, and what the gateway counted. */
  async function resultOf(attack: () => Promise<unknown>) {
    const before = counted
    const seen = await attack()
    counted = await counters()
    const more = Array.from(counted, ([name, value]) => [name, value - (before.get(name) ?? 0)])
    return { seen, counted: Object.fromEntries(more.filter(([, value]) => value !== 0)) }
  }

  /** Checks that `attack` has the same result with and without the framework, and returns it. */
  async function same(attack: (headers: Headers, who: Credentials) => Promise<unknown>) {
    const results = []
    for (const [headers, who] of ways) results.push(await resultOf(() => attack(headers, who)))
    const [plain, byRoute] = results
    assert.deepEqual(plain, byRoute)
    return plain
  }

  const cut = (reason: string) => `wott_connections_cut_total{door="device",reason="${reason}"}`
  const published = (result: string, qos = 0) =>
    `wott_publishes_total{door="device",qos="${qos}",result="${result}"}`

  /** The status and code of an answer, and whether the connection goes on. */
  async function answerTo(who: Credentials | null, headers: Headers, body = '1') {
    const session = http2Session(at, who)
    const { status, json } = await http2(session, headers, body)
    const again = await http2(session, { ':path': '/whoami' }).then(
      (answer) => answer.status,
      () => 'ended',
    )
    session.destroy()
    return [status, json.code, again]
  }

  it('is accepted', async () => {
    const result = await same((headers, who) => answerTo(who, post(headers)))
    assert.deepEqual(result, {
      seen: [200, undefined, 200],
      counted: { [published('accepted')]: 1 },
    })
  })

  it('is refused without a certificate, and its connection ends', async () => {
    const result = await same((headers) => answerTo(null, post(headers)))
    assert.deepEqual(result, { seen: [401, 'certificate_required', 'ended'], counted: {} })
  })

  it('is refused with two hosts, and its connection ends', async () => {
    const result = await same((headers, who) =>
      answerTo(who, post({ ':authority': 'localhost', host: 'elsewhere', ...headers })),
    )
    assert.deepEqual(result, { seen: [400, 'request_invalid', 'ended'], counted: {} })
  })

  it('is refused where a page of another site sends it', async () => {
    const origin = 'https://elsewhere.example'
    const result = await same((headers, who) => answerTo(who, post({ origin, ...headers })))
    assert.deepEqual(result?.seen, [403, 'origin_denied', 200])
  })

  it('is refused where the ACL file denies it', async () => {
    const who = await at.pki.issue('denied.d.wott.local')
    const result = await same((headers) => answerTo(who, post(headers)))
    assert.deepEqual(result?.seen, [403, 'publish_denied', 200])
  })

  it('is counted where it shows headers of a proxy', async () => {
    const result = await same((headers, who) =>
      answerTo(who, post({ 'x-ssl-client-cert': 'x', ...headers })),
    )
    assert.equal(Object.keys(result?.counted ?? {}).length, 2)
  })

  it('is refused where its device reads no answers, until its connection ends', async () => {
    for (const [headers, { ca, certificate: cert, key }] of ways) {
      const result = await resultOf(async () => {
        const session = connectHttp2(`https://localhost:${at.ports.device}`, {
          ca,
          cert,
          key,
          settings: { initialWindowSize: 0 },
        })
        await once(session, 'connect')
        const closed = once(session, 'close')
        for (let count = 0; count < 60; count++) {
          const stream = session.request(post(headers))
          stream.on('error', () => {})
          stream.end('1')
        }
        await closed
      })
      assert.equal(result.counted['wott_memory_refused_total{kind="request"}'], 2)
    }
  })

  /** Sends frames, and tells how each stream ended, and the connection, once the last stream has ended. */
  async function endsOf(who: Credentials, streams: number, ...frames: Buffer[]) {
    const socket = await rawTls(at, who, { ALPNProtocols: ['h2'] })
    socket.write(Buffer.concat([PREFACE, ...frames]))
    const ends = new Map<number, string>()
    let bytes = Buffer.alloc(0)
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
        const length = bytes.readUIntBE(0, 3)
        const [type = 0, flags = 0] = bytes.subarray(3)
        const stream = bytes.readUInt32BE(5)
        if (type === FRAME.RST_STREAM && !ends.has(stream))
          ends.set(stream, `reset ${bytes.readUInt32BE(9)}`)
        else if (type === GOAWAY && bytes.readUInt32BE(13) !== 0)
          ends.set(0, `ended ${bytes.readUInt32BE(13)}`)
        else if ((type === FRAME.DATA || type === FRAME.HEADERS) && (flags & END_STREAM) !== 0)
          ends.set(stream, 'answered')
        bytes = bytes.subarray(9 + length)
      }
      if (ends.has(0) || ends.size === streams) break
    }
    socket.destroy()
    return Object.fromEntries(ends)
  }

  const head = (headers: Headers, stream = 1, flags = 0) =>
    frame(
      FRAME.HEADERS,
      END_HEADERS | flags,
      stream,
      hpack({ ':scheme': 'https', ':authority': 'localhost', ...post(headers) }),
    )
  const data = (text: string, stream = 1, flags = END_STREAM) =>
    frame(FRAME.DATA, flags, stream, Buffer.from(text))
  const reset = (stream: number) => frame(FRAME.RST_STREAM, 0, stream, CANCEL)
  const whole = (headers: Headers, stream: number) => [head(headers, stream), data('1', stream)]

  it('is counted where it is cancelled after its headers, and the next one is accepted', async () => {
    const result = await same((headers, who) =>
      endsOf(who, 1, head(headers), reset(1), ...whole(headers, 3)),
    )
    assert.deepEqual(result?.seen, { 3: 'answered' })
    assert.equal(result?.counted[published('accepted')], 1)
  })

  it('is accepted with trailers', async () => {
    const result = await same((headers, who) => {
      const trailers = frame(FRAME.HEADERS, END_HEADERS | END_STREAM, 1, hpack({ checksum: '1' }))
      return endsOf(who, 1, head(headers), data('1', 1, 0), trailers)
    })
    assert.deepEqual(result, { seen: { 1: 'answered' }, counted: { [published('accepted')]: 1 } })
  })

  it('is accepted where its client ends the connection behind it', async () => {
    const result = await same((headers, who) =>
      endsOf(who, 1, ...whole(headers, 1), frame(GOAWAY, 0, 0, Buffer.alloc(8))),
    )
    assert.equal(result?.counted[published('accepted')], 1)
  })

  for (const [name, bodies, end, result] of [
    ['shorter than announced', [''], { 1: 'reset 1' }, 'invalid'],
    ['longer than announced', ['12'], { 0: 'ended 2' }, 'invalid'],
    ['longer than announced, in two pieces', ['1', '2'], { 1: 'reset 1' }, 'accepted'],
  ] as const)
    it(`is reset with a body that is ${name}`, async () => {
      const found = await same((headers, who) => {
        const last = bodies.length - 1
        const pieces = bodies.map((text, n) => data(text, 1, n === last ? END_STREAM : 0))
        return endsOf(who, 1, head(headers), ...pieces)
      })
      assert.deepEqual(found?.seen, end)
      assert.equal(found?.counted[published(result)], 1)
    })

  it('is reset where it ends before its body', async () => {
    const result = await same((headers, who) => endsOf(who, 1, head(headers, 1, END_STREAM)))
    assert.deepEqual(result, { seen: { 1: 'reset 1' }, counted: {} })
  })

  it('ends its connection with more data behind its end, and is published once', async () => {
    const result = await same((headers, who) => endsOf(who, 1, ...whole(headers, 1), data('2')))
    assert.deepEqual(result, {
      seen: { 0: 'ended 5' },
      counted: { [published('accepted')]: 1, [cut('protocol_error')]: 1 },
    })
  })

  it('ends the connection of a device that cancels hundreds', async () => {
    for (const [headers, who] of ways) {
      const flood = Array.from({ length: 2_000 }, (_, n) => 2 * n + 1).flatMap((stream) => [
        head(headers, stream),
        reset(stream),
      ])
      const result = await resultOf(() => endsOf(who, flood.length, ...flood))
      assert.equal(result.counted[cut('protocol_error')], 1)
    }
  })

  it('is refused above the rate of its device', async () => {
    for (const [headers, who] of ways) {
      const session = http2Session(at, who)
      let answer = await http2(session, post(headers), '1')
      while (answer.status === 200) answer = await http2(session, post(headers), '1')
      session.close()
      const { status, json, headers: received } = answer
      assert.deepEqual([status, json.code, received['retry-after']], [429, 'rate_limited', '1'])
    }
  })
})
