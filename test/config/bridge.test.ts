import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'

const load = (settings: Record<string, string>) =>
  loadConfig({ WOTT_ACL_FILE: 'permission.acl', ...settings })

describe('the settings of a bridge', () => {
  it('forward everything to the other broker by default', () => {
    const { urls, topics } = load({ WOTT_BRIDGE: 'mqtts://cloud.example' }).bridge
    assert.deepEqual(urls, [{ host: 'cloud.example', port: 8883, tls: true }])
    assert.deepEqual(topics, [
      { pattern: '#', direction: 'out', qos: 1, localPrefix: '', remotePrefix: '' },
    ])
  })

  for (const [what, settings, message] of [
    ['a broker in memory', { WOTT_BROKER: 'memory:' }, /WOTT_BRIDGE needs WOTT_BROKER=file:PATH/],
    [
      'a relayed broker',
      { WOTT_BROKER: 'mqtt://a.example' },
      /WOTT_BRIDGE needs WOTT_BROKER=file:PATH: now WOTT_BROKER names another broker/,
    ],
    ['invalid topics', { WOTT_BRIDGE_TOPICS: '# up' }, /WOTT_BRIDGE_TOPICS must have out/],
    ['no topics', { WOTT_BRIDGE_TOPICS: ';' }, /WOTT_BRIDGE_TOPICS must be topics such as PATTERN/],
    ['a key without a certificate', { WOTT_BRIDGE_KEY_FILE: 'k' }, /needs WOTT_BRIDGE_CERT_FILE/],
    ['no broker', { WOTT_BRIDGE: '', WOTT_BRIDGE_TOPICS: '#' }, /TOPICS has no effect without/],
    ['an invalid address', { WOTT_BRIDGE: 'cloud.example' }, /WOTT_BRIDGE must be mqtt:\/\/HOST/],
  ] as const)
    it(`are refused with ${what}`, () => {
      assert.throws(() => load({ WOTT_BRIDGE: 'mqtts://cloud.example', ...settings }), { message })
    })
})
