import assert from 'node:assert/strict'
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

describe('when a reading was measured', () => {
  it('is told with one reading, and by streams with its arrival', async () => {
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

  it('is told with each line of many', async () => {
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

  it('is refused where it is no time or too far off', async () => {
    for (const time of ['', 'noon', '12', ago(-10)]) {
      const { status, json } = await post(`/topics/refused?time=${time}`, '1')
      assert.deepEqual([status, json.code], [400, 'time_invalid'], time)
    }
    assert.equal((await post('/topics/refused?time=1&time=2', '1')).json.code, 'query_invalid')
  })

  it('goes to MQTT 5 subscribers, and comes from MQTT 5 publishers', async () => {
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
