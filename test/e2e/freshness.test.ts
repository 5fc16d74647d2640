import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { PUBLIC_FILE, replaceFile } from '../../src/disk/files.ts'
import { type Folder, temporaryFolder } from '../cli/program.ts'
import { http1, messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'

const ACL = `user sensor
topic write sensors/#
user display
topic read status/#
topic read sensors/kitchen/#
`
const TOPICS = `sensors/+/temperature  name "Temperature of %1" unit °C silence 1s min -40 max 85
sensors/+/climate field indoor.humidity unit % class humidity
private/# unit V
`

describe('a device that falls silent', () => {
  let folder: Folder
  let topicsFile: string
  before(async () => {
    folder = await temporaryFolder()
    topicsFile = join(folder.path, 'topics')
  })
  after(() => folder[Symbol.asyncDispose]())

  async function start(settings: Record<string, string> = {}): Promise<TestGateway> {
    await writeFile(topicsFile, TOPICS)
    return startGateway({ acl: ACL, settings: { topicsFile, ...settings } })
  }

  async function publish(at: TestGateway, topic: string, body: string): Promise<void> {
    const sensor = await at.pki.issue('sensor')
    const path = `/topics/${encodeURIComponent(topic)}`
    const { status, body: answer } = await http1(at, sensor, { path, method: 'POST', body })
    assert.equal(status, 200, String(answer))
  }

  it('is reported offline to readers that may know, and in the metrics, until it publishes again', async () => {
    await using at = await start()
    const client = await mqtt(at, await at.pki.issue('display'), { protocolVersion: 5 })
    const messages = messagesOf(client)
    await client.subscribeAsync('status/#', { qos: 1 })
    const next = async () => {
      const { topic, payload } = await messages.next()
      return `${topic} ${payload}`
    }
    const silent = 'wott_topic_silent{device="sensor",topic="sensors/kitchen/temperature"}'
    await publish(at, 'sensors/kitchen/temperature', '21.5')
    assert.equal(await next(), 'status/sensor/sensors/kitchen/temperature online')
    assert.equal(await next(), 'status/sensor online')
    assert.equal(await at.metric(silent), 0)
    assert.equal(await next(), 'status/sensor/sensors/kitchen/temperature offline')
    assert.equal(await next(), 'status/sensor offline')
    assert.equal(await at.metric(silent), 1)
    assert.equal(
      await at.metric('wott_device_last_seen_timestamp_seconds{device="$gateway"}'),
      undefined,
    )
    await publish(at, 'sensors/kitchen/temperature', '22')
    assert.equal(await next(), 'status/sensor/sensors/kitchen/temperature online')
    assert.equal(await next(), 'status/sensor online')
    await client.endAsync()
  })

  it('is watched on a bounded number of topics, and the others are counted', async () => {
    await using at = await start({ silence: '60', silenceTopics: '1' })
    await publish(at, 'sensors/a', '1')
    await publish(at, 'sensors/b', '1')
    assert.equal(await at.metric('wott_silence_overflowed_total'), 1)
    assert.equal(await at.metric('wott_topic_silent{device="sensor",topic="sensors/a"}'), 0)
    assert.equal(await at.metric('wott_topic_silent{device="sensor",topic="sensors/b"}'), undefined)
  })

  it('has names, units and limits for readers of its topics', async () => {
    await using at = await start({ silence: '3600' })
    const display = await at.pki.issue('display')
    const { body } = await http1(at, display, { path: '/topics-info' })
    assert.deepEqual(JSON.parse(String(body)), {
      silence: 3600,
      patterns: [
        {
          pattern: 'sensors/+/temperature',
          silence: 1,
          fields: [{ field: null, name: 'Temperature of %1', unit: '°C', min: -40, max: 85 }],
        },
        {
          pattern: 'sensors/+/climate',
          silence: 3600,
          fields: [{ field: 'indoor.humidity', name: null, unit: '%', min: null, max: null }],
        },
      ],
    })
  })

  it('is checked with the old topics file while the new one has an error, which is logged', async () => {
    await using at = await start()
    await writeFile(topicsFile, 'sensors/# silence 1\n')
    const line = await at.logged(({ msg }) => String(msg).startsWith('topics file not usable'))
    const [error] = line.errors as string[]
    assert.match(error ?? '', /topics:1:19 silence must be from 1s to 366d/)
    assert.equal(await at.metric('wott_reload_pending{file="topics"}'), 1)
    const answer = await fetch(`http://127.0.0.1:${at.ports.ops}/readyz`)
    assert.equal(answer.status, 200)
    const ready = JSON.stringify(await answer.json())
    assert.match(ready, /degraded/)
    assert.match(ready, /topics:1:19 silence must be/)
    await replaceFile({ path: topicsFile, text: 'sensors/# silence 1h\n', mode: PUBLIC_FILE })
    await at.logged(({ msg }) => msg === 'topics file loaded')
    await at.gateway.reload()
    assert.equal(await at.metric('wott_reload_pending{file="topics"}'), 0)
  })
})
