import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type DevGateway, startDev } from './dev-gateway.ts'
import { start } from './program.ts'

const TOPIC = 'wott/temperature'
const PROTOCOLS = ['https', 'mqtt'] as const
const FLAGS = [
  ...['--content-type', 'text/plain', '--response-topic', 'answers/a b', '--correlation-data', 'ü'],
  ...['--payload-format', 'utf8', '--message-expiry', '3600'],
  ...['--user-property', 'room=kitchen', '--user-property', 'floor=1=2', '--user-property', '='],
]
const PROPERTIES = {
  contentType: 'text/plain',
  responseTopic: 'answers/a b',
  correlationData: 'w7w=',
  payloadFormatIndicator: 1,
  userProperties: [
    ['room', 'kitchen'],
    ['floor', '1=2'],
    ['', ''],
  ],
}

describe('pub and sub', () => {
  let at: DevGateway
  before(async () => {
    at = await startDev()
    await at.pub(TOPIC, 'ready', '--retain', ...at.via.https)
  })
  after(() => at[Symbol.asyncDispose]())

  it('carry the time of measurement, from https and from mqtt', async () => {
    const time = new Date(Date.now() - 60_000).toISOString()
    await using follower = start(['sub', TOPIC, ...at.via.https, '--json', '--count', '3'], at)
    await follower.line(/"payload":"ready"/)
    for (const via of PROTOCOLS) await at.pub(TOPIC, via, '--time', time, ...at.via[via])
    await follower.ended
    for (const [index, payload] of PROTOCOLS.entries()) {
      const event = JSON.parse(follower.lines[index + 1] ?? '')
      assert.deepEqual([event.payload, event.time], [payload, time])
    }
  })

  for (const from of PROTOCOLS)
    for (const to of PROTOCOLS)
      it(`carry the MQTT 5 properties of a message, from ${from} to ${to}`, async () => {
        const args = ['sub', TOPIC, ...at.via[to], '--json', '--count', '2']
        await using follower = start(args, at)
        await follower.line(/"payload":"ready"/)
        await at.pub(TOPIC, '21.5', ...FLAGS, ...at.via[from])
        const { code, stderr } = await follower.ended
        assert.deepEqual([code, stderr], [0, ''])
        const { payload, properties } = JSON.parse(follower.lines[1] ?? '')
        assert.deepEqual({ payload, properties }, { payload: '21.5', properties: PROPERTIES })
      })
})
