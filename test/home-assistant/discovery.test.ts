import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type Folder, temporaryFolder } from '../cli/program.ts'
import { http1, messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { checkDiscovery } from './schema.ts'

const ACL = `user sensor
topic write #
user hass
topic read homeassistant/#
topic read status/#
topic read sensors/#
`
const TOPICS = `sensors/+/temperature  name "Temperature of %1" unit °C silence 1s
sensors/+/climate  field indoor.humidity unit % class humidity name "Humidity of %1"
sensors/+/climate  field "it's" unit kWh
sensors/+/text  name "Text of %1"
`

describe('Home Assistant', () => {
  let folder: Folder
  let settings: Record<string, string>
  before(async () => {
    folder = await temporaryFolder()
    settings = {
      topicsFile: join(folder.path, 'topics'),
      broker: `file:${join(folder.path, 'store')}`,
      homeAssistant: 'homeassistant',
    }
  })
  beforeEach(() => writeFile(settings.topicsFile as string, TOPICS))
  after(() => folder[Symbol.asyncDispose]())

  async function publish(at: TestGateway, topic: string, body: string): Promise<void> {
    const path = `/topics/${encodeURIComponent(topic)}`
    const { status } = await http1(at, await at.pki.issue('sensor'), { path, method: 'POST', body })
    assert.equal(status, 200)
  }

  /** Acts as Home Assistant: subscribes to announcements, then to the topics that they name. */
  async function assistant(at: TestGateway) {
    const client = await mqtt(at, await at.pki.issue('hass'), { protocolVersion: 5 })
    const messages = messagesOf(client)
    await client.subscribeAsync('homeassistant/#', { qos: 1 })
    return {
      next: () => messages.next(),
      subscribe: (...topics: string[]) => client.subscribeAsync(topics, { qos: 1 }),
      [Symbol.asyncDispose]: () => client.endAsync(),
    }
  }

  it('finds numbers with names and units, and sees them go online and offline', async () => {
    await using at = await startGateway({ acl: ACL, settings })
    await using hass = await assistant(at)
    await publish(at, 'sensors/hall/text', 'not a number')
    await publish(at, 'other/number', '1')
    await publish(at, 'sensors/kitchen/temperature', '21.5')
    const { topic, payload } = await hass.next()
    const config = checkDiscovery(topic, payload)
    const { unique_id: id, origin, ...rest } = config
    assert.equal(topic, `homeassistant/sensor/${id}/config`)
    assert.deepEqual(rest, {
      name: 'Temperature of kitchen',
      state_topic: 'sensors/kitchen/temperature',
      unit_of_measurement: '°C',
      device_class: 'temperature',
      state_class: 'measurement',
      expire_after: 1,
      availability: [{ topic: 'status/sensor/sensors/kitchen/temperature' }],
      device: { identifiers: ['sensor'], name: 'sensor' },
    })
    assert.equal((origin as { name: string }).name, 'wott-gateway')
    const [{ topic: availability }] = rest.availability as [{ topic: string }]
    await hass.subscribe(availability, rest.state_topic as string)
    const seen = async () => {
      const { topic, payload } = await hass.next()
      return `${topic} ${payload}`
    }
    const first = await seen()
    // the topic may be silent by now
    if (first.endsWith('online')) assert.equal(await seen(), `${availability} offline`)
    await publish(at, 'sensors/kitchen/temperature', '22')
    assert.deepEqual([await seen(), await seen()].sort(), [
      'sensors/kitchen/temperature 22',
      `${availability} online`,
    ])

    await publish(at, 'sensors/hall/climate', '{"indoor":{"humidity":55},"it\'s":2}')
    const found = new Map<string, Record<string, unknown>>()
    while (found.size < 2) {
      const { topic, payload } = await hass.next()
      if (topic === availability) continue
      const config = checkDiscovery(topic, payload)
      found.set(String(config.name), config)
    }
    const humidity = found.get('Humidity of hall')
    assert.equal(humidity?.value_template, "{{ value_json['indoor']['humidity'] }}")
    assert.equal(humidity?.device_class, 'humidity')
    assert.equal(humidity?.availability, undefined)
    const energy = found.get("sensors/hall/climate it's")
    assert.equal(energy?.value_template, "{{ value_json['it\\'s'] }}")
    assert.equal(energy?.state_class, 'total_increasing')
  })

  it('keeps announcements over a restart, and removes those that the topics file no longer names', async () => {
    await using at = await startGateway({ acl: ACL, settings })
    await using hass = await assistant(at)
    const topics = new Map<string, string>()
    for (const _ of [1, 2, 3]) {
      const { topic, payload, retain } = await hass.next()
      assert.equal(retain, true)
      topics.set(String(checkDiscovery(topic, payload).name), topic)
    }
    const file = settings.topicsFile as string
    await writeFile(file, TOPICS.replace('Humidity', 'Moisture').replace(/.*kWh\n/, ''))
    const changed = [await hass.next(), await hass.next()].map(
      ({ topic, payload }) => [topic, payload && JSON.parse(payload).name] as const,
    )
    assert.deepEqual(
      changed.sort(([a], [b]) => (a < b ? -1 : 1)),
      [
        [topics.get('Humidity of hall'), 'Moisture of hall'],
        [topics.get("sensors/hall/climate it's"), ''],
      ].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
    )
    // once each, as the next announcement is about another change
    await writeFile(file, '')
    const gone = [await hass.next(), await hass.next()]
    assert.deepEqual(
      gone.map(({ payload }) => payload),
      ['', ''],
    )
  })

  it('gets a bounded number of announcements, and none without the setting', async () => {
    await using at = await startGateway({
      acl: ACL,
      settings: { ...settings, broker: 'memory:', homeAssistantSensors: '1' },
    })
    await publish(at, 'sensors/a/temperature', '1')
    await publish(at, 'sensors/b/temperature', '1')
    assert.equal(await at.metric('wott_home_assistant_overflowed_total'), 1)
    await using quiet = await startGateway({
      acl: ACL,
      settings: { ...settings, broker: 'memory:', homeAssistant: 'off' },
    })
    await publish(quiet, 'sensors/a/temperature', '1')
    await using hass = await assistant(quiet)
    await hass.subscribe('sensors/#')
    await publish(quiet, 'sensors/a/temperature', '2')
    assert.equal((await hass.next()).topic, 'sensors/a/temperature')
  })
})
