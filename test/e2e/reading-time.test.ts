import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Answer, eventSource, http1, mosquittoPub, mosquittoSub } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const MINUTE = 60_000

let at: TestGateway
let sensor: Credentials

before(async () => {
  at = await startGateway({ acl: 'user sensor\ntopic readwrite #\n' })
  sensor = await at.pki.issue('sensor')
})
after(() => at[Symbol.asyncDispose]())

const post = (path: string, body: string, headers = {}): Promise<Answer> =>
  http1(at, sensor, { path, method: 'POST', body, headers })

const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE).toISOString()

describe('the time of measurement', () => {
  it('can be sent with one reading, and is in streams beside its arrival', async () => {
    using live = await eventSource(at, sensor, '/stream?filter=one')
    const time = ago(90)
    const started = Date.now()
    assert.equal((await post(`/topics/one?qos=1&time=${time}`, '21.5')).status, 200)
    const event = JSON.parse((await live.next()).data)
    assert.equal(event.time, time)
    assert.ok(Date.parse(event.received) >= started)
    assert.equal((await post(`/topics/one?time=${Date.parse(time) / 1000}`, '21.6')).status, 200)
    assert.equal(JSON.parse((await live.next()).data).time, time)
    await post('/topics/one', 'now')
    assert.equal(JSON.parse((await live.next()).data).received, undefined)
  })

  it('can be sent with each line of many', async () => {
    using live = await eventSource(at, sensor, '/stream?filter=lines')
    const time = ago(5)
    const lines = [time, Date.parse(time), 'noon', ago(-60), ago(60 * 24 * 31)].map((time) =>
      JSON.stringify({ topic: 'lines', payload: 1, time }),
    )
    const { json } = await post('/topics', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    })
    assert.equal(json.accepted, 2)
    assert.deepEqual(
      json.refused.map(({ line, code }: { line: number; code: string }) => [line, code]),
      [
        [3, 'time_invalid'],
        [4, 'time_invalid'],
        [5, 'time_invalid'],
      ],
    )
    assert.match(json.refused[1].detail, /WOTT_READING_FUTURE/)
    assert.match(json.refused[2].detail, /WOTT_READING_PAST/)
    for (let count = 0; count < 2; count++)
      assert.equal(JSON.parse((await live.next()).data).time, time)
  })

  it('is refused if it is invalid or out of bounds', async () => {
    for (const time of ['', 'noon', '12', ago(-10)]) {
      const { status, json } = await post(`/topics/refused?time=${time}`, '1')
      assert.deepEqual([status, json.code], [400, 'time_invalid'], time)
    }
    assert.equal((await post('/topics/refused?time=1&time=2', '1')).json.code, 'query_invalid')
  })

  it('is sent to MQTT 5 subscribers, and read from MQTT 5 publishers', async () => {
    await using subscriber = await mosquittoSub(
      ...([at, sensor, 'mqtt', '-V', 'mqttv5', '-F', '%p|%P'] as const),
    )
    using live = await eventSource(at, sensor, '/stream?filter=mqtt')
    const time = ago(3)
    await post(`/topics/mqtt?time=${Date.parse(time)}`, '1')
    assert.equal(await subscriber.next(), `1|time:${time}`)
    assert.equal(JSON.parse((await live.next()).data).properties, undefined)
    const property = (value: string) => ['-D', 'PUBLISH', 'user-property', 'time', value]
    for (const [value, own] of [
      [time, time],
      ['whenever', undefined],
      ['12', undefined],
    ] as const) {
      await mosquittoPub(at, sensor, 'mqtt', '2', '-V', 'mqttv5', ...property(value))
      assert.equal(await subscriber.next(), `2|time:${value}`)
      const event = JSON.parse((await live.next()).data)
      assert.deepEqual(event.properties.userProperties, [['time', value]])
      assert.equal(event.received === undefined ? undefined : event.time, own)
    }
  })
})

for (const kind of ['memory', 'file'] as const)
  describe(`the history by time of measurement, in ${kind}`, () => {
    const HOUR = 60
    let folder: string
    let there: TestGateway
    let device: Credentials

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'wott-late-'))
      const broker = kind === 'memory' ? 'memory:' : `file:${folder}`
      there = await startGateway({ acl: 'user sensor\ntopic readwrite #\n', settings: { broker } })
      device = await there.pki.issue('sensor')
    })
    after(async () => {
      await there[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    })

    const send = async (payload: number, time?: string) => {
      const path = `/topics/buffer?qos=1${time === undefined ? '' : `&time=${time}`}`
      assert.equal(
        (await http1(there, device, { path, method: 'POST', body: `${payload}` })).status,
        200,
      )
    }
    const read = async (query: string) =>
      (await http1(there, device, { path: `/history?filter=buffer${query}` })).json
    const payloads = async (query: string) =>
      (await read(query)).entries.map(({ payload }: { payload: string }) => Number(payload))

    it('is ordered by measurement, whenever readings arrived', async () => {
      const day = ago(24 * HOUR)
      await send(5)
      for (const [payload, minutes] of [
        [1, 24 * HOUR],
        [4, 1],
        [2, 23 * HOUR],
        [3, 2 * HOUR],
      ] as const)
        await send(payload, payload === 1 ? day : ago(minutes))
      await send(6)
      assert.deepEqual(await payloads(''), [1, 2, 3, 4, 5, 6])
      assert.deepEqual(await payloads('&order=desc&limit=2'), [6, 5])
      assert.deepEqual(await payloads(`&from=-25h&to=${ago(22 * HOUR)}`), [1, 2])
      assert.deepEqual(await payloads(`&from=${day}&to=${ago(3 * HOUR)}&order=desc`), [2, 1])
      assert.deepEqual(await payloads('&from=-3h'), [3, 4, 5, 6])
    })

    it('continues where an answer ended, in either order', async () => {
      for (const order of ['asc', 'desc']) {
        const found: number[] = []
        for (let after = ''; ; ) {
          const { entries, next } = await read(`&order=${order}&limit=1${after}`)
          found.push(Number(entries[0].payload))
          if (next === null) break
          after = `&after=${next}`
        }
        assert.deepEqual(found, order === 'asc' ? [1, 2, 3, 4, 5, 6] : [6, 5, 4, 3, 2, 1])
      }
    })

    it('counts each reading in the bucket of its time, and splits no bucket', async () => {
      const found: [number, number][] = []
      for (let after = ''; ; ) {
        const { buckets, next } = await read(`&every=1h&limit=2${after}`)
        for (const { count, last } of buckets) found.push([count, last])
        if (next === null) break
        after = `&after=${next}`
      }
      assert.equal(
        found.reduce((sum, [count]) => sum + count, 0),
        6,
      )
      assert.deepEqual(
        found
          .map(([, last]) => last)
          .toSorted((a, b) => a - b)
          .at(-1),
        6,
      )
    })

    it('refuses an invalid position', async () => {
      const { entries } = await read('&limit=1')
      for (const after of ['x', `${entries[0].id}.1`, `${entries[0].id}.1.x`, '1.2.3'])
        assert.equal((await read(`&after=${after}`)).code, 'query_invalid', after)
    })
  })
