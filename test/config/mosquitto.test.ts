import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { OPTIONS } from '../../src/config/mosquitto/options.ts'
import { type MosquittoSettings, readMosquittoConf } from '../../src/config/mosquitto/settings.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wott-conf-'))
})
after(() => rm(folder, { recursive: true }))

const TLS = `cafile ca.crt
certfile client.crt
keyfile client.key
require_certificate true
use_identity_as_username true
`
const GOOD = `listener 8883\n${TLS}acl_file acl\n`

async function fileOf(text: string, name = 'mosquitto.conf'): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

async function read(text: string): Promise<MosquittoSettings> {
  const file = await fileOf(text)
  const { settings, warnings, problems } = readMosquittoConf(file)
  const short = (said: readonly string[]) => said.map((one) => one.replace(file, 'conf'))
  return { settings, warnings: short(warnings), problems: short(problems) }
}

function texts({ settings }: MosquittoSettings) {
  return Object.fromEntries(Object.entries(settings).map(([name, { text }]) => [name, text]))
}

describe('mosquitto.conf', () => {
  it('becomes settings', async () => {
    const said = await read(`# a comment
per_listener_settings false
persistence true
persistence_location /var/lib/mosquitto/
max_inflight_messages 20
max_queued_messages 50
max_queued_bytes 65536
message_size_limit 4096
persistent_client_expiration 2w
log_type error
log_type warning
listener  8883 127.0.0.1\r
${TLS}crlfile crl.pem
tls_version tlsv1.3
max_connections 7
acl_file permission.acl

listener 8443
protocol websockets
${TLS}crlfile crl.pem
tls_version tlsv1.3
`)
    assert.deepEqual(said.problems, [])
    assert.deepEqual(said.warnings, [
      'conf:23 MQTT over WebSocket is at the path /mqtt; this port is HTTPS otherwise',
    ])
    assert.deepEqual(texts(said), {
      ...{ maxInflight: '20', sessionQueue: '50', sessionQueueBytes: '65536', maxPayload: '4096' },
      ...{ sessionExpiry: '1209600', logLevel: 'warn', broker: 'file:/var/lib/mosquitto/' },
      ...{ mqttListen: '127.0.0.1:8883', deviceListen: '[::]:8443', maxConnections: '7' },
      ...{ caFile: 'ca.crt', certFile: 'client.crt', keyFile: 'client.key', crlFile: 'crl.pem' },
      ...{ aclFile: 'permission.acl', tlsVersion: '1.3' },
    })
  })

  const refused: [string, string, RegExp][] = [
    ['a bridge', 'connection cloud\naddress a.example\ntopic # both', /^conf:8 connection cloud: /],
    ['passwords', 'password_file /p', /^conf:8 password_file: /],
    ['a plugin', 'plugin /x.so', /^conf:8 plugin: /],
    ['an option of a plugin', 'auth_opt_x 1', /^conf:8 auth_opt_x: /],
    ['pre-shared keys', 'psk_file /p', /^conf:8 psk_file: /],
    ['what Mosquitto does not know', 'max_conections 1', /^conf:8 there is no option "max_conec/],
    [
      'a TAB after the name',
      'max_connections\t1',
      /^conf:8 there is no option "max_connections\\t1"/,
    ],
    ['an indented comment', ' # x', /^conf:8 there is no option "#"/],
    ['no value', 'max_keepalive', /^conf:8 max_keepalive has no value$/],
    ['a listener without TLS', 'listener 1883', /^conf:8 this listener has no cafile, certfile/],
    ['a second listener', `listener 8884\n${TLS}`, /^conf:8 there is one mqtt door, and conf:1 /],
    ['names that clients choose', 'use_identity_as_username false', /^conf:8 the user is always/],
    ['whole subjects', 'use_subject_as_username true', /^conf:8 the user is the CN, not/],
    ['another ACL file', 'acl_file other', /^conf:8 acl_file: conf:7 has named another file/],
    ['a switch that is neither', 'retain_available yes', /^conf:8 retain_available must be true/],
    ['a number that is none', 'max_connections 5x', /^conf:8 max_connections must be a whole/],
    ['a duration', 'persistent_client_expiration 2', /^conf:8 persistent_client_expiration must/],
    ['an old TLS', 'tls_version sslv3', /^conf:8 tls_version must be/],
  ]
  for (const [what, text, message] of refused)
    it(`names the line of ${what}`, async () => {
      const { problems } = await read(`${GOOD}${text}\n`)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match((problems[0] ?? '').replaceAll(join(folder, 'mosquitto.conf'), 'conf'), message)
    })

  it('of Debian has nothing for the gateway but a reason why not', async () => {
    const example = '/etc/mosquitto/mosquitto.conf'
    assert.deepEqual(readMosquittoConf(example).problems, [
      `${example}: no listener is named; write "listener 8883" with cafile, certfile and keyfile`,
    ])
  })

  it('opens the default listener where Mosquitto does', async () => {
    const before = async (text: string) => (await read(`${text}\n${GOOD}`)).problems
    assert.match(
      (await before('max_connections 5'))[0] ?? '',
      /^conf:1 this listener has no cafile/,
    )
    for (const text of ['max_connections -1', 'protocol mqtt'])
      assert.deepEqual(await before(text), [])
  })

  it('includes folders in the order of Mosquitto', async () => {
    const sub = join(folder, 'conf.d')
    await mkdir(sub)
    for (const [name, bytes] of [
      ['b.conf', 1],
      ['B.conf', 2],
      ['a.conf', 3],
      ['b.txt', 4],
    ] as const)
      await writeFile(join(sub, name), `message_size_limit ${bytes}\n`)
    const said = await read(`${GOOD}include_dir ${sub}\n`)
    assert.equal(said.settings.maxPayload?.text, '1')
    assert.equal(said.settings.maxPayload?.from, `${join(sub, 'b.conf')}:1 message_size_limit`)
  })

  it('gives way to flags and variables, and is reported with them all at once', async () => {
    const file = await fileOf(`${GOOD}max_inflight_messages 70000\nplugin x\n`)
    const environment = { WOTT_MOSQUITTO_CONF: file, WOTT_DRAIN_SECONDS: 'x' }
    assert.throws(
      () => loadConfig(environment),
      (error: Error) => {
        assert.match(error.message, /mosquitto\.conf:9 plugin: /)
        assert.match(
          error.message,
          /mosquitto\.conf:8 max_inflight_messages must be a whole number/,
        )
        assert.match(error.message, /WOTT_DRAIN_SECONDS must be/)
        return true
      },
    )
    const good = await fileOf(GOOD)
    const config = loadConfig({ WOTT_MQTT_LISTEN: ':1' }, { mosquittoConf: good, aclFile: '/acl' })
    assert.equal(config.mqttListen?.port, 1)
    assert.equal(config.aclFile, '/acl')
  })

  it('without an ACL file is refused, where Mosquitto would let everybody do everything', async () => {
    const file = await fileOf(GOOD.replace('acl_file acl\n', ''))
    assert.throws(() => loadConfig({}, { mosquittoConf: file }), /names no acl_file/)
  })

  it('knows no option that Mosquitto does not', async () => {
    // the real one stops at an unknown name before it opens anything
    for (const option of Object.keys(OPTIONS)) {
      const file = await fileOf(`${option}\n`, 'one.conf')
      const broker = spawn('/usr/sbin/mosquitto', ['-c', file], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let said = ''
      broker.stderr.on('data', (chunk) => {
        said += chunk
        if (/running|Opening/.test(said)) broker.kill()
      })
      await once(broker, 'close')
      assert.doesNotMatch(said, /Unknown configuration variable/, option)
    }
  })
})
