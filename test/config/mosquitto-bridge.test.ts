import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { readMosquittoConf } from '../../src/config/mosquitto/settings.ts'

const GOOD = `listener 8883
cafile ca.crt
certfile client.crt
keyfile client.key
require_certificate true
use_identity_as_username true
acl_file acl
`
const BRIDGE = `connection cloud
address cloud.example:8883 other.example:8884
topic # out 1 site/ cloud/
bridge_cafile cloud-ca.crt
`

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wott-conf-'))
})
after(() => rm(folder, { recursive: true }))

async function fileOf(text: string): Promise<string> {
  const file = join(folder, 'mosquitto.conf')
  await writeFile(file, GOOD + text)
  return file
}

async function read(text: string) {
  const file = await fileOf(text)
  const { settings, warnings, problems } = readMosquittoConf(file)
  const short = (said: readonly string[]) => said.map((one) => one.replaceAll(file, 'conf'))
  const of = Object.entries(settings).filter(([name]) => name.startsWith('bridge'))
  return {
    settings: Object.fromEntries(of.map(([name, { text: its }]) => [name, its])),
    warnings: short(warnings),
    problems: short(problems),
  }
}

describe('a bridge in mosquitto.conf', () => {
  it('becomes settings', async () => {
    const said = await read(`${BRIDGE}topic a/+ both 2
topic "" in 1 here there
bridge_certfile edge.crt
bridge_keyfile edge.key
remote_clientid edge1
remote_username me
cleansession true
keepalive_interval 60
try_private false
bridge_outgoing_retain false
bridge_protocol_version mqttv50
notifications false
start_type automatic
bridge_insecure false
`)
    assert.deepEqual([said.problems, said.warnings], [[], []])
    assert.deepEqual(said.settings, {
      bridge: 'mqtts://cloud.example:8883,mqtts://other.example:8884',
      bridgeTopics: '# out 1 site/ cloud/; a/+ both 1 "" ""; "" in 1 here there',
      bridgeCaFile: 'cloud-ca.crt',
      bridgeCertFile: 'edge.crt',
      bridgeKeyFile: 'edge.key',
      bridgeClientId: 'edge1',
      bridgeUsername: 'me',
      bridgeSession: 'clean',
      bridgeKeepalive: '60',
      bridgeBit: 'off',
      bridgeRetain: 'clear',
    })
  })

  it('has the same client id and port as in Mosquitto', async () => {
    const { settings } = await read('connection cloud\naddress a.example\ntopic # in 1\n')
    assert.equal(settings.bridgeClientId, `${hostname()}.cloud`)
    assert.equal(settings.bridge, 'mqtt://a.example:1883')
  })

  it('keeps its password in memory, and prints it nowhere', async () => {
    const text = 'connection cloud\naddress a.example\ntopic # out 1\nusername u\npassword s3cr3t\n'
    const mosquittoConf = await fileOf(text)
    const config = loadConfig({}, { mosquittoConf })
    assert.equal(config.bridge.password, 's3cr3t')
    assert.ok(
      !JSON.stringify({ ...config, bridge: { ...config.bridge, password: null } }).includes(
        's3cr3t',
      ),
    )
    // the password belongs to the broker of the file
    const other = loadConfig({ WOTT_BRIDGE: 'mqtt://b.example' }, { mosquittoConf })
    assert.equal(other.bridge.password, null)
  })

  const refused: [string, string, RegExp][] = [
    [
      'a second bridge',
      `${BRIDGE}connection two\naddress b\n`,
      /^conf:12 connection two: only one bridge/,
    ],
    [
      'no address',
      'connection cloud\ntopic # out\n',
      /^conf:8 connection cloud: it has no address/,
    ],
    ['no topic', 'connection cloud\naddress a\n', /^conf:8 connection cloud: it has no topic/],
    [
      'an option outside a bridge',
      'try_private true\n',
      /^conf:8 try_private: belongs to a bridge/,
    ],
    ['a bad topic', `${BRIDGE}topic # up\n`, /^conf:12 topic must have out, in or both/],
    ['a semicolon', `${BRIDGE}topic a;b\n`, /^conf:12 topic must not contain a semicolon$/],
    ['an insecure bridge', `${BRIDGE}bridge_insecure true\n`, /^conf:12 bridge_insecure: the name/],
    ['pre-shared keys', `${BRIDGE}bridge_psk 00\n`, /^conf:12 bridge_psk: pre-shared keys are not/],
    ['an old protocol', `${BRIDGE}bridge_protocol_version mqttv31\n`, /^conf:12 bridge_protocol_v/],
    [
      'two names of one option',
      `${BRIDGE}username a\nremote_username b\n`,
      /^conf:13 remote_username appears twice; .* conf:12/,
    ],
    ['a strange address', `${BRIDGE}address a:b:c\n`, /^conf:12 address: "a:b:c" is not HOST/],
  ]
  for (const [what, text, message] of refused)
    it(`names the line of ${what}`, async () => {
      const { problems } = await read(text)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', message)
    })

  it('warns of options that work differently here', async () => {
    const said = await read(`${BRIDGE}topic b
start_type lazy
notifications true
restart_timeout 5 30
local_username me
`)
    assert.deepEqual(said.problems, [])
    assert.deepEqual(
      said.warnings.map((one) => one.replace(/:? .*/, '')),
      ['conf:14', 'conf:15', 'conf:16', 'conf:12', 'conf:13'],
    )
  })

  it('needs a store', async () => {
    const mosquittoConf = await fileOf(`persistence false\n${BRIDGE}`)
    assert.throws(
      () => loadConfig({}, { mosquittoConf }),
      /address needs .* persistence=file:PATH: messages that wait for the other broker must be stored/,
    )
  })
})
