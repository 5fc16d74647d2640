import assert from 'node:assert/strict'
import { it } from 'node:test'
import { environmentName, SETTING_NAMES, type SettingName } from '../../src/config/schema.ts'
import { mqtt } from '../support/clients.ts'
import { blocksOf, settingsIn } from '../support/docs.ts'
import { startGateway } from '../support/gateway.ts'
import { readFrom, startBridged } from './site.ts'

it('the edge gateway of docs/edge.md forwards readings under its name, and receives its commands', async () => {
  const [shell = ''] = await blocksOf('edge.md', 'sh')
  const [acl = ''] = await blocksOf('edge.md', 'acl')
  const names = new Map(SETTING_NAMES.map((name) => [environmentName(name), name]))
  const settings = new Map<SettingName, string>()
  for (const [variable, value] of Object.entries(settingsIn(shell))) {
    const name = names.get(variable)
    assert.ok(name, variable)
    settings.set(name, value)
  }
  await using cloud = await startGateway({
    acl: `${acl}user app\ntopic readwrite site7/#\n`,
  })
  const [box, app] = [await cloud.pki.issue('box.d.wott.local'), await cloud.pki.issue('app')]
  // uses paths and host of this machine
  assert.deepEqual(
    ['broker', 'bridge', 'bridgeCaFile', 'bridgeCertFile', 'bridgeKeyFile'].filter(
      (name) => !settings.has(name as SettingName),
    ),
    [],
  )
  await using at = await startBridged({
    port: 0,
    topics: settings.get('bridgeTopics') ?? '',
    settings: {
      bridge: `mqtts://localhost:${cloud.ports.mqtt}`,
      bridgeCaFile: box.caFile,
      bridgeCertFile: box.certFile,
      bridgeKeyFile: box.keyFile,
    },
  })
  await at.connected()
  await using there = await readFrom(await mqtt(cloud, app, { protocolVersion: 5 }), 'site7/#')
  await using here = await readFrom(await at.client(), 'commands/#')
  await here.client.publishAsync('sensors/kitchen', '21.5', { qos: 1 })
  await there.saw('site7/sensors/kitchen 21.5')
  await there.client.publishAsync('site7/commands/lamp', 'on', { qos: 1 })
  await here.saw('commands/lamp on')
})
