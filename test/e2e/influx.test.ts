import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  type Answer,
  http1,
  http2,
  http2Session,
  messagesOf,
  mqtt,
  type ReceivedMessage,
  run,
} from '../support/clients.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = `user gw
topic write gw/#
topic write cpu/#
topic deny gw/secret/#
user reader
topic read #
`

/** A gateway, a device that writes lines, and a subscriber. */
async function open(settings: TestGatewayOptions['settings'] = {}) {
  const at = await startGateway({ acl: ACL, settings })
  const device = await at.pki.issue('gw')
  const subscriber = await mqtt(at, await at.pki.issue('reader'), { protocolVersion: 5 })
  const messages = messagesOf(subscriber)
  const properties: unknown[] = []
  subscriber.on('message', (_topic, _payload, packet) => properties.push(packet.properties))
  await subscriber.subscribeAsync('#', { qos: 1 })
  const write = (body: string | Buffer, path = '/api/v2/write', headers = {}): Promise<Answer> =>
    http1(at, device, { path, method: 'POST', body, headers })
  async function next(count: number): Promise<string[]> {
    const found = []
    while (found.length < count) found.push(shown(await messages.next()))
    return found
  }
  return { at, device, messages, properties, write, next }
}

const shown = ({ topic, payload }: ReceivedMessage) => `${topic} ${payload}`

describe('POST /api/v2/write', () => {
  let at: TestGateway
  let device: Credentials
  let opened: Awaited<ReturnType<typeof open>>
  before(async () => {
    opened = await open()
    at = opened.at
    device = opened.device
  })
  after(() => at[Symbol.asyncDispose]())

  it('publishes each field on its own topic, with QoS 1', async () => {
    const { status, text } = await opened.write(
      '# a comment\n\nclimate,room=kitchen,floor=1 temperature=21.50,humidity=55i,name="a \\"b\\"",ok=t\nup value=1\n',
    )
    assert.deepEqual([status, text], [204, ''])
    const { topic, payload, qos, retain } = await opened.messages.next()
    assert.deepEqual(
      { topic, payload, qos, retain },
      {
        topic: 'gw/climate/floor=1/room=kitchen/temperature',
        payload: '21.50',
        qos: 1,
        retain: false,
      },
    )
    assert.deepEqual(await opened.next(4), [
      'gw/climate/floor=1/room=kitchen/humidity 55',
      'gw/climate/floor=1/room=kitchen/name a "b"',
      'gw/climate/floor=1/room=kitchen/ok true',
      'gw/up/value 1',
    ])
  })

  it('reads the time of each line, in the precision of the request', async () => {
    const now = Math.floor(Date.now() / 1000) * 1000 - 5000
    let value = 0
    for (const [path, digits] of [
      ['/api/v2/write', '000000'],
      ['/api/v2/write?precision=ns', '000000'],
      ['/api/v2/write?precision=us', '000'],
      ['/api/v2/write?precision=ms', ''],
      ['/write?precision=n', '000000'],
      ['/write?precision=u', '000'],
      ['/write?db=x&precision=ms', ''],
    ] as const) {
      opened.properties.length = 0
      const { status } = await opened.write(`up value=${value++} ${now}${digits}`, path)
      assert.equal(status, 204, path)
      await opened.next(1)
      const own = { userProperties: { time: new Date(now).toISOString() } }
      assert.partialDeepStrictEqual(opened.properties, [own], path)
    }
    const hours = Math.floor(now / 3_600_000)
    assert.equal((await opened.write(`up value=1 ${hours}`, '/write?precision=h')).status, 204)
    await opened.next(1)
    for (const path of ['/api/v2/write?precision=h', '/write?precision=d', '/write?precisoin=s'])
      assert.deepEqual((await opened.write('up value=1 1', path)).json.code, 'invalid', path)
  })

  it('publishes the valid lines, and names the first invalid one', async () => {
    const { status, json, headers } = await opened.write(
      'up value=1\n\nup value=\nup value=2\nup\n',
    )
    assert.equal(status, 400)
    assert.match(String(headers['content-type']), /^application\/json\b/)
    const message =
      "partial write error (2 accepted): unable to parse 'up value=': missing field value"
    assert.deepEqual(
      { ...json, traceId: '' },
      { code: 'invalid', message, line: 3, error: message, traceId: '' },
    )
    assert.deepEqual(await opened.next(2), ['gw/up/value 1', 'gw/up/value 2'])
    const all = await opened.write('up\nup value=x\n')
    assert.deepEqual([all.status, all.json.line], [400, 1])
    assert.equal(all.json.message, "unable to parse 'up': missing fields")
  })

  it('checks the ACL for each topic', async () => {
    const some = await opened.write('up value=1\nsecret value=2\n')
    assert.deepEqual([some.status, some.json.code, some.json.line], [400, 'invalid', 2])
    assert.match(
      some.json.message,
      /^partial write error \(1 accepted\): The ACL file does not allow/,
    )
    const none = await opened.write('secret value=2\n')
    assert.deepEqual([none.status, none.json.code, none.json.line], [403, 'forbidden', 1])
    assert.deepEqual(await opened.next(1), ['gw/up/value 1'])
  })

  it('escapes names with slashes or wildcards to keep them in one level', async () => {
    const { status } = await opened.write('disk,path=/a/../b,x=+# used%=1\n')
    assert.equal(status, 204)
    assert.deepEqual(await opened.next(1), ['gw/disk/path=%2Fa%2F..%2Fb/x=%2B%23/used%25 1'])
    assert.match((await opened.write('up value=1 0')).json.message, /WOTT_READING_PAST/)
  })

  it('publishes the same lines with the same times once', async () => {
    const body = `up value=7 ${Date.now()}000000\n`
    assert.equal((await opened.write(body)).status, 204)
    const again = await opened.write(body)
    assert.deepEqual([again.status, again.headers['idempotency-replayed']], [204, 'true'])
    // without a time, a repeat is another reading
    for (let count = 0; count < 2; count++)
      assert.equal((await opened.write('up value=8\n')).status, 204)
    assert.deepEqual(await opened.next(3), ['gw/up/value 7', 'gw/up/value 8', 'gw/up/value 8'])
  })

  it('refuses with errors in the format of InfluxDB', async () => {
    const line = 'up value=1\n'
    for (const [body, headers, status, code] of [
      [line.repeat(10_001), {}, 413, 'request too large'],
      [Buffer.alloc(1024 * 1024 + 1), {}, 413, 'request too large'],
      [
        gzipSync(Buffer.alloc(2 * 1024 * 1024)),
        { 'content-encoding': 'gzip' },
        413,
        'request too large',
      ],
      [line, { 'content-encoding': 'br' }, 415, 'unsupported media type'],
      [line, { 'content-encoding': 'gzip' }, 400, 'invalid'],
      [Buffer.from([0xff]), {}, 400, 'invalid'],
    ] as const) {
      const answer = await opened.write(body, '/write', headers)
      assert.deepEqual([answer.status, answer.json.code], [status, code])
      assert.equal(answer.json.error, answer.json.message)
    }
    const stranger = await http1(at, null, { path: '/write', method: 'POST', body: line })
    assert.deepEqual([stranger.status, stranger.json.code], [401, 'certificate_required'])
    assert.ok(stranger.json.message)
    const get = await http1(at, device, { path: '/write' })
    assert.deepEqual([get.status, get.headers.allow], [405, 'POST'])
    assert.equal((await opened.write('')).status, 204)
  })

  it('accepts what Telegraf sends', async () => {
    // as in plugins/outputs/influxdb_v2/http.go: a body without a length, over HTTP/2 where possible
    const headers = {
      'user-agent': 'Telegraf/1.36.1 Go/1.25.1',
      'content-encoding': 'gzip',
      'content-type': 'text/plain; charset=utf-8',
      authorization: 'Token not-looked-at',
      'accept-encoding': 'gzip',
    }
    const path = '/api/v2/write?bucket=readings&org=home'
    const time = `${Date.now()}123456`
    const body = gzipSync(
      `cpu,cpu=cpu-total,host=attic usage_idle=99.2,usage_user=0.4 ${time}\nmem,host=attic used=1024i ${time}\n`,
    )
    const expected = [
      ...['gw/cpu/cpu=cpu-total/host=attic/usage_idle 99.2'],
      ...['gw/cpu/cpu=cpu-total/host=attic/usage_user 0.4', 'gw/mem/host=attic/used 1024'],
    ]
    const chunked = { ...headers, 'transfer-encoding': 'chunked' }
    assert.equal((await opened.write(body, path, chunked)).status, 204)
    assert.deepEqual(await opened.next(3), expected)
    const session = http2Session(at, device)
    const other = gzipSync(`mem,host=attic used=1025i ${time}\n`)
    const answer = await http2(session, { ':method': 'POST', ':path': path, ...headers }, other)
    session.close()
    assert.equal(answer.status, 204)
    assert.deepEqual(await opened.next(1), ['gw/mem/host=attic/used 1025'])
  })

  it("accepts what Debian's python3-influxdb sends", async () => {
    const client = join(import.meta.dirname, '../support/influx-client.py')
    const ca = device.caFile
    const python = async (points: object[]) => {
      const args = [client, `${at.ports.device}`, ca, device.certFile, device.keyFile]
      const { stdout, stderr } = await run('/usr/bin/python3', args, JSON.stringify(points))
      return JSON.parse(stdout || `{"failed":${JSON.stringify(stderr)}}`)
    }
    const time = new Date().toISOString()
    const tags = { room: 'living room' }
    const fields = { temperature: 21.5, on: true, name: 'a "b"', count: 3 }
    assert.partialDeepStrictEqual(await python([{ measurement: 'py', tags, time, fields }]), {
      written: true,
    })
    assert.deepEqual(await opened.next(4), [
      ...['gw/py/room=living room/count 3', 'gw/py/room=living room/name a "b"'],
      ...['gw/py/room=living room/on true', 'gw/py/room=living room/temperature 21.5'],
    ])
    const { refused } = await python([{ measurement: 'secret', fields }])
    assert.deepEqual([refused[0], refused[1].code], [403, 'forbidden'])
  })

  it('answers the first requests of clients', async () => {
    for (const method of ['GET', 'HEAD']) {
      const ping = await http1(at, device, { path: '/ping', method })
      assert.deepEqual([ping.status, ping.text], [204, ''])
      assert.ok(ping.headers['x-influxdb-version'])
    }
    const health = await http1(at, device, { path: '/health' })
    assert.deepEqual([health.status, health.json.status], [200, 'pass'])
  })
})

describe('line protocol', () => {
  it('continues where the rate limit stopped it, when the same body is sent again', async () => {
    const { at, write, next } = await open({ publishRate: '20', publishBurst: '5' })
    await using _ = at
    const time = `${Date.now()}000000`
    const body = Array.from({ length: 8 }, (_, index) => `n,i=${index} v=${index} ${time}\n`).join(
      '',
    )
    const first = await write(body)
    assert.deepEqual(
      [first.status, first.json.code, first.json.line],
      [429, 'too many requests', 6],
    )
    assert.match(first.json.message, /^partial write error \(5 accepted\)/)
    assert.ok(Number(first.headers['retry-after']) >= 1)
    let status = first.status
    // waits for as long as Retry-After says
    while (status === 429) status = (await write(body)).status
    assert.equal(status, 204)
    assert.deepEqual(
      await next(8),
      Array.from({ length: 8 }, (_, index) => `gw/n/i=${index}/v ${index}`),
    )
  })

  it('becomes one retained JSON message per line with these settings', async () => {
    const { at, write, next } = await open({
      influxTopic: '{measurement}/{tag:host}/{tags}',
      influxRetain: 'on',
    })
    await using _ = at
    const missing = await write('cpu,host=attic,cpu=0 idle=99.50,up=t,n=5i,"s"="x"\ncpu idle=1\n')
    assert.deepEqual([missing.status, missing.json.line], [400, 2])
    assert.match(missing.json.message, /unable to parse 'cpu idle=1': the tag "host" is missing$/)
    const json = '{"idle":99.50,"up":true,"n":5,"\\"s\\"":"x"}'
    assert.deepEqual(await next(1), [`cpu/attic/cpu=0 ${json}`])
    const read = await http1(at, await at.pki.issue('reader'), { path: '/topics/cpu/attic/cpu=0' })
    assert.deepEqual([read.status, read.text], [200, json])
    assert.equal(read.headers['content-type'], 'application/json')
  })
})
