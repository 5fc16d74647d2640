import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { MqttClient } from 'mqtt'
import { temporaryFolder } from '../cli/program.ts'
import { messagesOf, mqtt } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type Paho, type PahoMessage, paho } from '../support/paho.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = `user hass.d.wott.local
topic readwrite homeassistant/#
topic read zigbee2mqtt/#
topic write zigbee2mqtt/+/set
user bridge.d.wott.local
topic readwrite homeassistant/#
topic readwrite zigbee2mqtt/#
`
const STATE = 'zigbee2mqtt/bridge/state'
const ONLINE = '{"state":"online"}'
const OFFLINE = '{"state":"offline"}'

/** The discovery message of zigbee2mqtt for a device, which can be long. */
function discovery(name: string): [topic: string, config: string] {
  const config = {
    availability: [{ topic: STATE, value_template: '{{ value_json.state }}' }],
    availability_mode: 'all',
    device: { identifiers: [`zigbee2mqtt_${name}`], manufacturer: 'IKEA', name },
    command_topic: `zigbee2mqtt/${name}/set`,
    state_topic: `zigbee2mqtt/${name}`,
    unique_id: `${name}_light_zigbee2mqtt`,
    origin: { name: 'Zigbee2MQTT', url: 'https://www.zigbee2mqtt.io', padding: 'x'.repeat(2000) },
  }
  return [`homeassistant/light/${name}/light/config`, JSON.stringify(config)]
}

for (const version of [4, 5] as const)
  describe(`Home Assistant with MQTT 5 and zigbee2mqtt with protocol version ${version}`, () => {
    let at: TestGateway
    let hass: Credentials
    let bridgeDevice: Credentials

    before(async () => {
      at = await startGateway({ acl: ACL })
      hass = await at.pki.issue('hass.d.wott.local')
      bridgeDevice = await at.pki.issue('bridge.d.wott.local')
    })
    after(() => at[Symbol.asyncDispose]())

    it('find each other, exchange states and commands, and survive each other', async () => {
      const names = ['lamp', 'plug', 'door']
      let bridge = await startBridge(at, bridgeDevice, version, names)
      let assistant = await startAssistant(at, hass, names)

      // zigbee2mqtt publishes its states after the birth message
      assert.deepEqual(await bridge.next(), ['homeassistant/status', 'online'])
      for (const name of names)
        await bridge.client.publishAsync(`zigbee2mqtt/${name}`, '{"state":"OFF"}', {
          qos: 0,
          retain: true,
        })
      for (const name of names)
        assert.deepEqual(await assistant.next(), said(`zigbee2mqtt/${name}`, '{"state":"OFF"}'))

      await assistant.publish('zigbee2mqtt/lamp/set', '{"state":"ON"}')
      assert.deepEqual(await bridge.next(), ['zigbee2mqtt/lamp/set', '{"state":"ON"}'])
      await bridge.client.publishAsync('zigbee2mqtt/lamp', '{"state":"ON"}', {
        qos: 0,
        retain: true,
      })
      // its own command does not come back, as it subscribes to states only
      assert.deepEqual(await assistant.next(), said('zigbee2mqtt/lamp', '{"state":"ON"}'))

      // Home Assistant is killed: its will is published, and the next one finds all retained messages
      await assistant.kill()
      assert.deepEqual(await bridge.next(), ['homeassistant/status', 'offline'])
      assistant = await startAssistant(at, hass, names, { lamp: 'ON', plug: 'OFF', door: 'OFF' })
      assert.deepEqual(await bridge.next(), ['homeassistant/status', 'online'])

      // zigbee2mqtt crashes: its devices become unavailable, also for later subscribers
      bridge.client.stream.destroy()
      assert.deepEqual(await assistant.next(), said(STATE, OFFLINE, { qos: 0 }))
      await using late = await paho(at, hass, { clientId: 'late' })
      await late.subscribe({ [STATE]: 1 })
      assert.deepEqual(await late.next(), said(STATE, OFFLINE, { qos: 1, retain: true }))
      bridge = await startBridge(at, bridgeDevice, version, names)
      assert.deepEqual(await assistant.next(), said(STATE, ONLINE))
      assert.deepEqual(await late.next(), said(STATE, ONLINE, { qos: 1 }))
      const announced = [await assistant.next(), await assistant.next(), await assistant.next()]
      assert.deepEqual(
        announced,
        names.map((name) => said(...discovery(name))),
      )

      // a device is removed: its discovery message is cleared and does not come back
      const [topic] = discovery('door')
      await bridge.client.publishAsync(topic, '', { qos: 1, retain: true })
      assert.deepEqual(await assistant.next(), said(topic, ''))
      await late.subscribe({ 'homeassistant/+/+/+/config': 0 })
      const left = [await late.next(), await late.next()]
      assert.deepEqual(
        left.map(({ topic }) => topic).sort(),
        ['lamp', 'plug'].map((name) => discovery(name)[0]),
      )

      // zigbee2mqtt stops in good order: it publishes "offline" itself and leaves no will
      await bridge.client.publishAsync(STATE, OFFLINE, { qos: 1, retain: true })
      await bridge.client.endAsync()
      assert.deepEqual(await assistant.next(), said(STATE, OFFLINE))
      await late.publish('homeassistant/light/fence/light/config', '', { qos: 1 })
      assert.deepEqual(await assistant.next(), said('homeassistant/light/fence/light/config', ''))
      await assistant.end()
    })
  })

describe('Home Assistant and zigbee2mqtt after a restart of the gateway', () => {
  it('find discovery, states and availability as before', async () => {
    await using folder = await temporaryFolder()
    const settings = { broker: `file:${folder.path}` }
    const names = ['lamp', 'plug']
    {
      await using at = await startGateway({ acl: ACL, settings })
      const device = await at.pki.issue('bridge.d.wott.local')
      const bridge = await startBridge(at, device, 5, names)
      for (const name of names)
        await bridge.client.publishAsync(`zigbee2mqtt/${name}`, '{"state":"ON"}', {
          qos: 0,
          retain: true,
        })
      await bridge.client.endAsync()
    }
    await using at = await startGateway({ acl: ACL, settings })
    const hass = await at.pki.issue('hass.d.wott.local')
    const assistant = await startAssistant(at, hass, names, { lamp: 'ON', plug: 'ON' })
    await assistant.end()
  })
})

interface Bridge {
  readonly client: MqttClient
  /** The next message that it receives. */
  next(): Promise<[topic: string, payload: string]>
}

/** Starts zigbee2mqtt: will, availability, discovery and its subscriptions. */
async function startBridge(
  at: TestGateway,
  who: Credentials,
  protocolVersion: 4 | 5,
  names: readonly string[],
): Promise<Bridge> {
  const client = await mqtt(at, who, {
    protocolVersion,
    clientId: 'mqttjs_zigbee2mqtt',
    keepalive: 60,
    will: { topic: STATE, payload: Buffer.from(OFFLINE), qos: 1, retain: true },
  })
  const messages = messagesOf(client)
  await client.publishAsync(STATE, ONLINE, { qos: 1, retain: true })
  const info = { version: '2.0', permit_join: false, padding: 'x'.repeat(50_000) }
  await client.publishAsync('zigbee2mqtt/bridge/info', JSON.stringify(info), { retain: true })
  await client.subscribeAsync([
    'homeassistant/status',
    'zigbee2mqtt/+/set',
    'zigbee2mqtt/bridge/request/#',
  ])
  for (const name of names) await client.publishAsync(...discovery(name), { qos: 1, retain: true })
  return {
    client,
    async next() {
      const { topic, payload } = await messages.next()
      return [topic, payload]
    },
  }
}

/** Starts Home Assistant: it reads retained discovery, availability and states, and publishes its birth message. */
async function startAssistant(
  at: TestGateway,
  who: Credentials,
  names: readonly string[],
  states: Record<string, string> = {},
): Promise<Paho> {
  const status = 'homeassistant/status'
  const client = await paho(at, who, {
    clientId: 'home-assistant',
    will: { topic: status, payload: 'offline', qos: 0, retain: false },
  })
  const codes = await client.subscribe({
    'homeassistant/+/+/config': 0,
    'homeassistant/+/+/+/config': 0,
  })
  assert.deepEqual(codes, [0, 0])
  const found = new Map<string, string>()
  while (found.size < names.length) {
    const { topic, payload, retain } = await client.next()
    assert.equal(retain, true)
    found.set(topic, payload)
  }
  assert.deepEqual(found, new Map(names.map(discovery)))

  await client.subscribe({ [STATE]: 0 })
  assert.deepEqual(await client.next(), said(STATE, ONLINE, { retain: true }))
  await client.subscribe(Object.fromEntries(names.map((name) => [`zigbee2mqtt/${name}`, 0])))
  const got: [string, string][] = []
  while (got.length < Object.keys(states).length) {
    const { topic, payload } = await client.next()
    got.push([topic, payload])
  }
  const expected = Object.entries(states).map(([name, state]) => [
    `zigbee2mqtt/${name}`,
    JSON.stringify({ state }),
  ])
  assert.deepEqual(got.sort(), expected.sort())
  await client.publish(status, 'online')
  return client
}

function said(topic: string, payload: string, more: Partial<PahoMessage> = {}): PahoMessage {
  return { topic, payload, qos: 0, retain: false, properties: {}, ...more }
}
