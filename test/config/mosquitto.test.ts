import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { BRIDGE_OPTIONS } from '../../src/config/mosquitto/bridge-options.ts'
import { FORMS } from '../../src/config/mosquitto/forms.ts'
import { OPTIONS, optionOf } from '../../src/config/mosquitto/options.ts'
import { type MosquittoSettings, readMosquittoConf } from '../../src/config/mosquitto/settings.ts'
import { environmentName } from '../../src/config/schema.ts'
import { run } from '../support/clients.ts'

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

const MOSQUITTO = '/usr/sbin/mosquitto'
const NO_OPTION = 'no_option'
/** Options that are tested elsewhere, and prefixes of names. */
const OF_LINES = new Set(['include_dir', 'connection', 'auth_opt_', 'plugin_opt_'])

/** The output of a real Mosquitto for a file before it opens anything. */
async function mosquitto(file: string): Promise<string> {
  const broker = spawn(MOSQUITTO, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  broker.stderr.on('data', (chunk) => {
    said += chunk
    // it ignores a SIGTERM before it runs
    if (/running|Opening/.test(said)) broker.kill('SIGKILL')
  })
  await once(broker, 'close')
  return said
}

async function fileOf(text: string, name = 'mosquitto.conf'): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

async function read(text: string): Promise<MosquittoSettings> {
  const file = await fileOf(text)
  const { warnings, problems, ...rest } = readMosquittoConf(file)
  const short = (said: readonly string[]) => said.map((one) => one.replace(file, 'conf'))
  return { ...rest, warnings: short(warnings), problems: short(problems) }
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
max_keepalive 300
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
max_topic_alias 5
acl_file permission.acl

listener 8443
protocol websockets
${TLS}crlfile crl.pem
tls_version tlsv1.3
`)
    assert.deepEqual(said.problems, [])
    assert.deepEqual(said.warnings, [
      'conf:25 MQTT over WebSocket is at the paths / and /mqtt; other paths of this port are HTTPS',
    ])
    assert.deepEqual(texts(said), {
      maxInflight: '20',
      sessionQueue: '50',
      sessionQueueBytes: '65536',
      maxPayload: '4096',
      sessionExpiry: '1209600',
      logLevel: 'warn',
      broker: 'file:/var/lib/mosquitto/',
      mqttListen: '127.0.0.1:8883',
      deviceListen: '[::]:8443',
      maxConnections: '7',
      caFile: 'ca.crt',
      certFile: 'client.crt',
      keyFile: 'client.key',
      crlFile: 'crl.pem',
      aclFile: 'permission.acl',
      tlsVersion: '1.3',
      maxKeepAlive: '300',
      topicAliasMaximum: '5',
    })
  })

  const refused: [string, string, RegExp][] = [
    ['passwords', 'password_file /p', /^conf:8 password_file: /],
    ['a plugin', 'plugin /x.so', /^conf:8 plugin: /],
    ['an option of a plugin', 'auth_opt_x 1', /^conf:8 auth_opt_x: /],
    ['pre-shared keys', 'psk_file /p', /^conf:8 psk_file: /],
    [
      'an option unknown to Mosquitto',
      'max_conections 1',
      /^conf:8 Mosquitto 2.0 has no option "max_conec/,
    ],
    [
      'a TAB after the name',
      'max_connections\t1',
      /^conf:8 Mosquitto 2.0 has no option "max_connections\\t1"/,
    ],
    ['an indented comment', ' # x', /^conf:8 Mosquitto 2.0 has no option "#"/],
    ['no value', 'max_keepalive', /^conf:8 max_keepalive has no value$/],
    ['a listener without TLS', 'listener 1883', /^conf:8 this listener has no cafile, certfile/],
    [
      'a second listener',
      `listener 8884\n${TLS}`,
      /^conf:8 there is only one mqtt door, .* conf:1 /,
    ],
    ['names that clients choose', 'use_identity_as_username false', /^conf:8 the user is always/],
    ['whole subjects', 'use_subject_as_username true', /^conf:8 the user is the CN, not/],
    ['another ACL file', 'acl_file other', /^conf:8 acl_file: conf:7 names another file/],
    ['a switch that is neither', 'retain_available yes', /^conf:8 retain_available must be true/],
    ['an invalid number', 'max_connections 5x', /^conf:8 max_connections must be a whole/],
    ['a duration', 'persistent_client_expiration 2', /^conf:8 persistent_client_expiration must/],
    ['letters behind a number', 'max_queued_bytes 64k', /^conf:8 max_queued_bytes must be a whole/],
    ['a small number', 'max_keepalive 9', /^conf:8 max_keepalive must be from 10 to 65535, not 9$/],
    ['a tab behind a switch', 'persistence true\t', /^conf:8 persistence must be true or false/],
    ['a tab in a name', 'pid_file a\tb', /^conf:8 pid_file must not contain control characters$/],
    ['a second name', 'pid_file a\npid_file a', /^conf:9 pid_file appears twice; .* conf:8/],
    ['a second certificate', 'certfile x', /^conf:8 certfile appears twice; .* conf:3/],
    ['an option of no plugin', 'plugin_opt_acl_file x', /^conf:8 plugin_opt_acl_file: plugins/],
    ['an old TLS', 'tls_version sslv3', /^conf:8 tls_version must be/],
  ]
  for (const [what, text, message] of refused)
    it(`names the line of ${what}`, async () => {
      const { problems } = await read(`${GOOD}${text}\n`)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match((problems[0] ?? '').replaceAll(join(folder, 'mosquitto.conf'), 'conf'), message)
    })

  it('names the line of an invalid port', async () => {
    for (const [port, name, must] of [
      ['99999', 'listener', 'from 0 to 65535'],
      ['65536', 'port', 'from 1 to 65535'],
      ['0', 'listener', 'from 1 to 65535'],
      ['0', 'port', 'from 1 to 65535'],
      ['-1', 'port', 'from 1 to 65535'],
      ['x', 'listener', 'a whole number'],
      ['8883x', 'port', 'a whole number'],
    ]) {
      const shown = must === 'a whole number' ? `"${port}"` : port
      const { problems } = await read(`${name} ${port}\n${TLS}acl_file acl\n`)
      assert.deepEqual(problems, [`conf:1 ${name} must be ${must}, not ${shown}`])
    }
    const { problems } = await read(GOOD.replace('8883', '8883 a/b c'))
    assert.deepEqual(problems, ['conf:1 "a/b" is neither a host name nor an IP address'])
    const bound = await read(`${TLS}port 8883\nbind_address a/b\n`)
    assert.deepEqual(bound.problems, ['conf:7 "a/b" is neither a host name nor an IP address'])
  })

  it('gets the maximum and a warning where it asks for more', async () => {
    for (const [line, setting, most] of [
      ['message_size_limit 268435455', 'maxPayload', '64MiB'],
      ['message_size_limit 0', 'maxPayload', '64MiB'],
      ['max_packet_size 2147483647', 'maxPayload', '64MiB'],
      ['max_queued_messages 99999999', 'sessionQueue', '10000000'],
      ['max_queued_bytes 99999999999', 'sessionQueueBytes', '1GiB'],
      ['persistent_client_expiration 100y', 'sessionExpiry', '315360000'],
      ['max_connections 2000000', 'maxConnections', '1000000'],
    ] as const) {
      const real = await mosquitto(await fileOf(`${line}\n`, 'real.conf'))
      assert.doesNotMatch(real, /Error found|Invalid/, line)
      const said = await read(`${GOOD}${line}\n`)
      const [name] = line.split(' ')
      assert.deepEqual(said.problems, [], line)
      assert.deepEqual(said.warnings, [
        `conf:8 ${name}: the largest value allowed for ${environmentName(setting)} is ${most}, which is used instead`,
      ])
      assert.equal(texts(said)[setting], most)
      loadConfig({ WOTT_MOSQUITTO_CONF: await fileOf(`${GOOD}${line}\n`) })
    }
    const exact = await read(`${GOOD}message_size_limit 67108864\n`)
    assert.deepEqual([exact.warnings, texts(exact).maxPayload], [[], '67108864'])
  })

  it('gets the minimum and a warning where it asks for less', async () => {
    for (const [line, setting, least] of [
      ['max_queued_bytes 5', 'sessionQueueBytes', '1KiB'],
      ['max_queued_bytes +1023 # bytes', 'sessionQueueBytes', '1KiB'],
    ] as const) {
      const { problems, warnings, ...said } = await read(`${GOOD}${line}\n`)
      assert.deepEqual(problems, [], line)
      assert.deepEqual(warnings, [
        `conf:8 max_queued_bytes: the smallest value allowed for ${environmentName(setting)} is ${least}, which is used instead`,
      ])
      assert.equal(texts({ ...said, problems, warnings })[setting], least)
      loadConfig({ WOTT_MOSQUITTO_CONF: await fileOf(`${GOOD}${line}\n`) })
    }
  })

  it('accepts tabs and blanks before values, and ignores words after them', async () => {
    const good = GOOD.replace('listener 8883', '  listener  \t8884 127.0.0.1 # all')
    const said = await read(
      `${good.replaceAll(' true', '  true # yes')}max_keepalive \t300 seconds\n`,
    )
    assert.deepEqual(said.problems, [])
    assert.deepEqual(said.warnings, [])
    const { mqttListen, maxKeepAlive } = texts(said)
    assert.deepEqual([mqttListen, maxKeepAlive], ['127.0.0.1:8884', '300'])
  })

  it('reads 0 connections as no limit, as Mosquitto does', async () => {
    for (const number of ['0', '-5']) {
      const said = await read(`${GOOD}max_connections ${number}\n`)
      assert.deepEqual([said.problems, texts(said).maxConnections], [[], undefined])
    }
  })

  it('warns of a line without a value, which Mosquitto ignores', async () => {
    for (const name of ['log_type', 'max_connections', 'persistent_client_expiration', 'protocol'])
      assert.deepEqual((await read(`${GOOD}${name}\n`)).warnings, [
        `conf:8 ${name} has no value; Mosquitto ignores it too`,
      ])
  })

  it('reads the ACL file of the plugin of Mosquitto 2.1', async () => {
    for (const plugin of ['plugin', 'global_plugin']) {
      const said = await read(
        `${GOOD.replace('acl_file acl', `${plugin} /usr/lib/mosquitto_acl_file.so\nplugin_opt_acl_file  /acl`)}`,
      )
      assert.deepEqual([said.problems, said.warnings], [[], []])
      assert.equal(texts(said).aclFile, '/acl')
    }
    const other = await read(`${GOOD}plugin /x_acl_file.so\nplugin_opt_acl_file /acl\n`)
    assert.deepEqual(
      other.problems.map((problem) => problem.split(':')[1]?.split(' ')[0]),
      ['8', '9'],
    )
  })

  it('has the type of each option', () => {
    assert.deepEqual(Object.keys(FORMS).sort(), Object.keys(OPTIONS).sort())
  })

  it('bounds payloads by the smaller of its two sizes, whatever their order', async () => {
    for (const [limit, packet, wanted] of [
      [4096, 100_000, 'message_size_limit'],
      [100_000, 4096, 'max_packet_size'],
      [0, 4096, 'max_packet_size'],
    ] as const) {
      const lines = [`message_size_limit ${limit}`, `max_packet_size ${packet}`]
      for (const order of [lines, lines.toReversed()]) {
        const { settings, warnings, problems } = await read(`${GOOD}${order.join('\n')}\n`)
        assert.deepEqual([warnings, problems], [[], []])
        assert.equal(settings.maxPayload?.text, '4096', order.join())
        assert.match(settings.maxPayload?.from ?? '', new RegExp(`:\\d ${wanted}$`))
      }
    }
    // the last of two lines of an option counts, as in Mosquitto
    const twice = await read(`${GOOD}message_size_limit 1\nmessage_size_limit 2\n`)
    assert.equal(texts(twice).maxPayload, '2')
  })

  it('is the only reported problem where it is missing', async () => {
    const missing = join(folder, 'missing.conf')
    assert.throws(() => loadConfig({ WOTT_MOSQUITTO_CONF: missing }), {
      message: `wrong settings:\n  ${missing}: no such file or folder`,
    })
    const file = await fileOf('include_dir /none\n')
    assert.throws(() => loadConfig({ WOTT_MOSQUITTO_CONF: file }), {
      message: `wrong settings:\n  ${file}:1 include_dir /none: no such file or folder`,
    })
  })

  it('of Debian is refused with the reason', async () => {
    const example = '/etc/mosquitto/mosquitto.conf'
    assert.deepEqual(readMosquittoConf(example).problems, [
      `${example}: there is no listener; write "listener 8883" with cafile, certfile and keyfile`,
    ])
  })

  it('opens the default listener where Mosquitto does', async () => {
    for (const line of [
      ...['port 1', 'bind_address 127.0.0.1', 'bind_interface lo', 'socket_domain ipv4'],
      ...['protocol mqtt', 'protocol websockets', 'tls_version tlsv1.2', 'max_keepalive 10'],
      ...['max_connections 5', 'max_connections 0', 'max_connections -1', 'max_qos 1', 'max_qos 2'],
      ...['cafile x', 'capath x', 'certfile x', 'keyfile x', 'crlfile x', 'dhparamfile x'],
      ...['ciphers HIGH', 'ciphers_tls1.3 TLS_AES_128_GCM_SHA256', 'maximum_qos 0'],
      ...['require_certificate true', 'require_certificate 1', 'require_certificate false'],
      ...['use_identity_as_username true', 'use_identity_as_username 0', 'allow_anonymous true'],
      ...['use_subject_as_username true', 'use_subject_as_username false', 'psk_hint x'],
    ]) {
      const real = await mosquitto(await fileOf(`${line}\n`, 'real.conf'))
      // without a listener in the file it opens one for this machine
      const opens = !/local only mode/.test(real)
      const { problems } = await read(`${line}\n${GOOD}`)
      const ours = problems.some((one) => one.startsWith('conf:1 this listener has no '))
      assert.equal(ours, opens, `${line}: ${real}`)
    }
  })

  it('applies port and bind_address to the default listener, wherever they are', async () => {
    for (const line of ['port 1884', 'bind_address 127.0.0.1'])
      assert.match((await read(GOOD + line)).problems[0] ?? '', /^conf:8 this listener has no/)
  })

  it('warns of lines of a default listener that does not open', async () => {
    const { warnings, problems } = await read(`tls_version tlsv1.3\n${GOOD}`)
    assert.deepEqual(problems, [])
    assert.match(warnings[0] ?? '', /^conf:1 tls_version: belongs to the default listener/)
  })

  it('ends a listener with its file', async () => {
    const sub = join(folder, 'scopes')
    await mkdir(sub)
    await writeFile(join(sub, '10.conf'), `listener 8884\n${TLS}protocol websockets\n`)
    await writeFile(join(sub, '20.conf'), `max_connections 7\n`)
    const said = await read(`${GOOD}include_dir ${sub}\nmax_connections 5\n`)
    assert.deepEqual(texts(said).maxConnections, '5')
    assert.equal(said.problems.length, 1)
    assert.match(said.problems[0] ?? '', /20\.conf:1 this listener has no cafile/)
  })

  it('warns only if connection_messages is off, because connections are logged', async () => {
    assert.deepEqual((await read(`${GOOD}connection_messages true`)).warnings, [])
    const [warning] = (await read(`${GOOD}connection_messages false`)).warnings
    assert.match(warning ?? '', /^conf:8 connection_messages: .*is logged/)
  })

  it('reads 1 and 0 as true and false, as Mosquitto does', async () => {
    const one = await read(`${GOOD.replaceAll('true', '1')}persistence 0\nallow_anonymous 0\n`)
    assert.deepEqual([one.problems, one.warnings], [[], []])
    assert.equal(texts(one).broker, 'memory:')
    assert.match(
      (await read(`${GOOD}persistence yes`)).problems[0] ?? '',
      /^conf:8 persistence must/,
    )
  })

  it('warns of a persistence location that is not used', async () => {
    const { warnings, settings } = await read(`${GOOD}persistence_location /x\n`)
    assert.match(warnings[0] ?? '', /^conf:8 persistence_location: /)
    assert.equal(settings.broker, undefined)
  })

  it('accepts a folder or a file of CA certificates, but not both', async () => {
    const one = await read(GOOD.replace('cafile ca.crt', 'capath /certs'))
    assert.deepEqual(one.problems, [])
    assert.equal(texts(one).caFile, '/certs')
    assert.match(
      (await read(`${GOOD}capath /certs\n`)).problems[0] ?? '',
      /^conf:8 capath: use either/,
    )
  })

  it('keeps TLS 1.2 where only cipher suites of TLS 1.3 are set', async () => {
    const { ciphers = '' } = texts(await read(`${GOOD}ciphers_tls1.3 TLS_AES_128_GCM_SHA256\n`))
    assert.match(ciphers, /^TLS_AES_128_GCM_SHA256:ECDHE-/)
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

  it('is overridden by flags and variables, and reported together with them', async () => {
    const file = await fileOf(`${GOOD}max_inflight_messages many\nplugin x\n`)
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
    assert.equal(config.doors.mqtt?.port, 1)
    assert.equal(config.access.aclFile, '/acl')
  })

  it('is refused without an ACL file, where Mosquitto would allow everything', async () => {
    const file = await fileOf(GOOD.replace('acl_file acl\n', ''))
    assert.throws(() => loadConfig({}, { mosquittoConf: file }), /has no acl_file/)
  })

  it('accepts the names of options that Mosquitto accepts, and no others', async () => {
    const options = Object.keys(OPTIONS)
    assert.deepEqual(await unknownAmong(options), [])
    const program = await readFile(MOSQUITTO, 'latin1')
    // the names of the functions that it calls come first, up to the versions of their libraries
    const others = program
      .slice(program.lastIndexOf('\0GLIBC_'))
      .matchAll(/\0([a-z]+_[a-z_]+|[a-z]{4,12})(?=\0)/g)
      .map(([, name = '']) => name)
      .filter(
        (name) =>
          optionOf(name) === undefined &&
          !Object.hasOwn(BRIDGE_OPTIONS, name) &&
          !OF_LINES.has(name),
      )
    const names = [...new Set(others)]
    assert.ok(names.length > 100)
    assert.deepEqual(await unknownAmong(names), names)
  })
})

/** The names that a real Mosquitto does not know. */
async function unknownAmong(names: readonly string[]): Promise<string[]> {
  const files = await Promise.all(
    // stops it at the second line where it knows the first
    names.map((name) => fileOf(`${name}\n${NO_OPTION}\n`, `${name}.conf`)),
  )
  const all = `for file; do ${MOSQUITTO} -c "$file" 2>&1; done`
  const { stdout } = await run('sh', ['-c', all, 'sh', ...files])
  assert.equal(stdout.match(/Error found at /g)?.length, names.length)
  return stdout
    .matchAll(/Unknown configuration variable "(.*)"\./g)
    .map(([, name = '']) => name)
    .filter((name) => name !== NO_OPTION)
    .toArray()
}
