import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { loadConfig, unknownVariables } from '../../src/config/load.ts'
import { SCHEMA, SETTING_NAMES, SETTINGS, type SettingName } from '../../src/config/schema.ts'
import { type Lookup, shape } from '../../src/config/setting.ts'
import { MiB } from '../../src/config/units.ts'
import type { Parse } from '../../src/config/values/parse.ts'

const aclFile = 'permission.acl'

function problemsOf(
  environment: Record<string, string>,
  flags: Partial<Record<SettingName, string>> = {},
) {
  try {
    loadConfig(environment, { aclFile, ...flags })
  } catch (error) {
    const [first, ...problems] = (error as Error).message.split('\n  ')
    assert.equal(first, 'wrong settings:')
    return problems
  }
  return []
}

describe('settings', () => {
  it('are flags, then variables, then defaults', () => {
    const environment = { WOTT_MAX_STREAMS: '2', WOTT_MAX_SUBSCRIPTIONS: '3', WOTT_LOG_LEVEL: '' }
    const config = loadConfig(environment, { aclFile, maxStreams: '1' })
    assert.deepEqual(
      [config.streams.maxStreams, config.mqtt.maxSubscriptions, config.process.logLevel],
      [1, 3, SETTINGS.logLevel.fallback],
    )
  })

  it('have valid defaults', () => {
    for (const name of SETTING_NAMES) {
      const { parse, fallback } = SETTINGS[name]
      if (fallback !== undefined) assert.notEqual(parse(fallback), undefined, name)
    }
  })

  it('have the unit of their value at the end of its name in the configuration', () => {
    const members = (group: object): [member: string, name: string][] =>
      Object.entries(group).flatMap(([key, value]) =>
        typeof value === 'string' ? [[key, value]] : members(value),
      )
    const byUnit: Record<string, number> = {}
    for (const [member, name] of members(shape(SCHEMA, ((one: string) => one) as Lookup))) {
      const { parse }: { parse: Parse<unknown> } = SETTINGS[name as SettingName]
      const { form, most } = parse
      const isInMs = most !== undefined && parse(most) === 1000 * Number(most)
      const unit = form === 'SIZE' ? 'Bytes' : isInMs ? 'Ms' : ''
      const isNamed = unit === 'Bytes' ? /bytes/i : new RegExp(`${unit}$`)
      assert.match(member, isNamed, name)
      byUnit[unit] = (byUnit[unit] ?? 0) + 1
    }
    assert.ok((byUnit.Bytes ?? 0) > 15 && (byUnit.Ms ?? 0) > 15, JSON.stringify(byUnit))
  })

  it('find files in WOTT_CERTS_DIR unless they are named', () => {
    const { trust, access } = loadConfig(
      { WOTT_CERTS_DIR: 'certs', WOTT_KEY_FILE: '/run/key.pem' },
      { aclFile },
    )
    assert.deepEqual(
      [trust.caFile, trust.certFile, trust.keyFile, trust.crlFile, access.aclFile],
      [
        resolve('certs/ca.crt'),
        resolve('certs/client.crt'),
        '/run/key.pem',
        undefined,
        resolve(aclFile),
      ],
    )
  })

  it('of one device follow those of all, unless they are set', () => {
    const environment = {
      WOTT_QUEUE_BYTES: '1GiB',
      WOTT_MAX_SESSIONS: '101',
      WOTT_RETAINED_BYTES: '1GiB',
      WOTT_RETAINED_BYTES_PER_DEVICE: '1MiB',
      WOTT_HISTORY_BYTES: '10MiB',
      WOTT_MAX_CONNECTIONS: '10',
    }
    const { broker, connections, proxy } = loadConfig(environment, { aclFile })
    const { queuedBytesPerDevice, sessionsPerDevice, retainedBytesPerDevice } = broker.limits
    assert.deepEqual(
      [queuedBytesPerDevice, sessionsPerDevice, retainedBytesPerDevice],
      [512 * MiB, 51, MiB],
    )
    assert.equal(broker.retention.bytesPerDevice, 5 * MiB)
    assert.deepEqual([connections.maxConnectionsPerDevice, proxy.maxConnections], [3, 10])
  })

  it('are reported all at once, each by the name that was used', () => {
    const wrong = problemsOf(
      { WOTT_MAX_STREAMS: '-1', WOTT_ID_PATTERN: '^(', WOTT_DRAIN_SECONDS: 'x' },
      { drainSeconds: '1.5', aclFile: '' },
    )
    assert.deepEqual(wrong.map((problem) => problem.split(' ')[0]).sort(), [
      ...['--acl-file', '--drain-seconds', 'WOTT_ID_PATTERN', 'WOTT_MAX_STREAMS'],
    ])
  })

  const cases: [SettingName, string, unknown][] = [
    ['deviceListen', ':8443', { host: '::', port: 8443 }],
    ['deviceListen', '[::1]:0', { host: '::1', port: 0 }],
    ['deviceListen', 'gw.example:1', { host: 'gw.example', port: 1 }],
    ['deviceListen', 'off', null],
    ['deviceListen', '8443', Error],
    ['deviceListen', '::1:8443', Error],
    ['deviceListen', 'a:65536', Error],
    ['deviceListen', '', Error],
    ['maxPayload', '131072', 131_072],
    ['maxPayload', '1 MiB', 1_048_576],
    ['maxPayload', '1MB', Error],
    ['maxPayload', '0', Error],
    ['maxPayload', '1e3', Error],
    ['maxStreams', '007', 7],
    ['maxStreams', '1.0', Error],
    ['maxStreams', ' 1', Error],
    ['logLevel', 'INFO', Error],
    ['idPattern', '^a', Error],
    ['idPattern', '^[$', Error],
    ['idPattern', '^(a)\\1$', Error],
    ['idPattern', '^(?=a).*$', Error],
    ['crlExpired', 'allow', 'allow'],
    ['certsDir', '', Error],
    ['ciphers', 'TLS_AES_128_GCM_SHA256:HIGH', 'TLS_AES_128_GCM_SHA256:HIGH'],
    ['ciphers', 'NONE-SUCH', Error],
    ['ciphers', 'HIGH MEDIUM', Error],
    ['broker', 'memory:', { kind: 'memory' }],
    ['broker', 'memory', Error],
    ['proxyProtocol', 'v3', Error],
    ['proxyProtocolDoors', 'mqtt, viewer', ['mqtt', 'viewer']],
    ['proxyProtocolDoors', 'ops', Error],
    ['proxyProtocolFrom', '', Error],
    ['proxyProtocolFrom', '10.0.0.0/33', Error],
    ['proxyProtocolFrom', '0.0.0.0/0', Error],
    ['proxyProtocolFrom', '::/0', Error],
    ['proxyProtocolFrom', '10.0.0', Error],
    ['proxyProtocolFrom', 'balancer.example', Error],
  ]
  for (const [name, text, expected] of cases)
    it(`${name} ${JSON.stringify(text)}`, () => {
      const { parse } = SETTINGS[name]
      if (expected === Error) assert.throws(() => parse(text), /^Error: (must|is too large)/)
      else assert.deepEqual(parse(text), expected)
    })

  it('refuse a redis: URL with an alternative', () => {
    for (const broker of ['redis://cache:6379', 'rediss://user:secret@cache', 'valkey://cache']) {
      const [problem = '', ...others] = problemsOf({ WOTT_BROKER: broker })
      assert.deepEqual(others, [])
      assert.match(problem, /^WOTT_BROKER must be file:PATH .* or mqtts:\/\/HOST:PORT /)
      assert.match(problem, /it loses acknowledged messages/)
      assert.doesNotMatch(problem, /secret/)
    }
  })

  it('accept addresses and networks of IPv4 and IPv6', () => {
    const list = SETTINGS.proxyProtocolFrom.parse('192.0.2.7,10.0.0.0/8, 2001:db8::/32')
    for (const address of ['192.0.2.7', '10.1.2.3']) assert.ok(list?.check(address), address)
    for (const address of ['::ffff:192.0.2.7', '2001:db8:1::1'])
      assert.ok(list?.check(address, 'ipv6'), address)
    for (const address of ['192.0.2.8', '11.0.0.1']) assert.ok(!list?.check(address), address)
    assert.ok(!list?.check('2001:db9::1', 'ipv6'))
  })

  it('accept a pattern only for the whole WoTT ID, also with alternatives', () => {
    const pattern = SETTINGS.idPattern.parse('^a|b$')
    assert.deepEqual(
      ['a', 'b', 'ax', 'xb'].map((id) => pattern.test(id)),
      [true, true, false, false],
    )
  })

  it('are suggested for variables with similar names', () => {
    const environment = { WOTT_ACL_FIEL: '', WOTT_ACL_FILE: '', WOTT_GATEWAY_PORT: '', PATH: '' }
    assert.deepEqual(unknownVariables(environment), ['WOTT_ACL_FIEL'])
  })
})

describe('doors', () => {
  const off = { deviceListen: 'off', mqttListen: 'off', viewerListen: 'off' }

  it('cannot all be off', () => {
    assert.deepEqual(problemsOf({}, off), [
      'every door is off, so there is nothing to run: turn on at least one',
    ])
    assert.deepEqual(problemsOf({}, { ...off, viewerListen: ':0' }), [])
  })

  it('behind load balancers need the addresses of those', () => {
    const [problem, ...others] = problemsOf({}, { proxyProtocol: 'v2' })
    assert.match(
      problem ?? '',
      /^WOTT_PROXY_PROTOCOL_FROM is not set: .* --proxy-protocol needs them/,
    )
    assert.deepEqual(others, [])
    assert.deepEqual(problemsOf({}, { proxyProtocol: 'v2', proxyProtocolFrom: '::1' }), [])
    assert.deepEqual(problemsOf({}, { proxyProtocolFrom: '::1' }), [
      '--proxy-protocol-from has no effect without WOTT_PROXY_PROTOCOL=v1, v2 or any',
    ])
  })

  it('for a proxy need its identity format and its name', () => {
    const proxyListen = '127.0.0.1:8445'
    const proxy = { proxyListen, proxyIdentity: 'rfc9440', proxyCaFile: 'ca', proxyName: 'proxy' }
    const problems = (flags: object) => problemsOf({}, { ...proxy, ...flags })
    assert.deepEqual(problems({}), [])
    for (const [flags, ...said] of [
      [{ proxyListen: 'off' }, /^--proxy-identity needs --proxy-listen/],
      [{ proxyIdentity: 'aws-apigw' }, /must not be aws-apigw here: .* not in a header$/],
      [{ proxyIdentity: 'gcp' }, /^WOTT_PROXY_CERT_HEADER is not set: .*client_cert_leaf/],
      [
        { proxyCertHeader: 'x-a' },
        /^--proxy-cert-header is only for nginx, alb, gcp: .* of rfc9440/,
      ],
      [
        { proxyIdentity: 'alb', proxyVerifyHeader: 'x-a' },
        /^--proxy-verify-header is only for nginx/,
      ],
      [
        { proxyIdentity: 'nginx', proxyChainHeader: 'x-a' },
        /^--proxy-chain-header is only for gcp/,
      ],
      [{ proxyIdentity: 'nginx', proxyCertHeader: 'x_a' }, /must be the name of an HTTP header/],
      [{ proxyListen: 'unix:' }, /must be HOST:PORT, .* unix:PATH or off/],
      [
        { deviceListen: proxyListen },
        /^--proxy-listen must not use the same address as --device-listen/,
      ],
    ] as const) {
      const found = problems(flags)
      assert.equal(found.length, said.length, found.join('\n'))
      for (const [index, pattern] of said.entries()) assert.match(found[index] ?? '', pattern)
    }
    const nobody = problemsOf({}, { proxyListen, proxyIdentity: 'azure' })
    assert.match(
      nobody.join('\n'),
      /^WOTT_PROXY_CA_FILE is not set: .*\nWOTT_PROXY_NAME is not set/,
    )
    const socket = { proxyListen: 'unix:proxy.sock', proxyIdentity: 'azure' }
    const addresses = problemsOf({}, { ...socket, proxyAddresses: '127.0.0.1' })
    assert.match(addresses.join(), /^--proxy-addresses must not be set for a Unix socket/)
    const { proxyIdentity, ...formless } = proxy
    assert.match(problemsOf({}, formless).join(), /^--proxy-listen needs WOTT_PROXY_IDENTITY/)
    assert.deepEqual(problemsOf({}, socket), [])
    const named = { proxyIdentity: 'gcp', proxyCertHeader: 'X-Leaf', proxyChainHeader: 'X-Chain' }
    assert.deepEqual(problems(named), [])
  })

  const proxied = { proxyListen: ':8080', proxyIdentity: 'gcp', proxyCertHeader: 'x' }

  it('without TLS need the confirmation that the platform keeps others away', () => {
    assert.equal(problemsOf({}, proxied).length, 2)
    assert.deepEqual(problemsOf({}, { ...proxied, proxyTrust: 'platform' }), [])
    const certificate = { proxyCaFile: 'ca.crt', proxyName: 'proxy' }
    assert.deepEqual(problemsOf({}, { ...proxied, ...certificate }), [])
    const both = problemsOf({}, { ...proxied, ...certificate, proxyTrust: 'platform' })
    assert.deepEqual(
      both.map((problem) => problem.split(' ')[0]),
      ['--proxy-ca-file', '--proxy-name'],
    )
    const socket = { ...proxied, proxyListen: 'unix:/run/x.sock', proxyTrust: 'platform' }
    assert.match(problemsOf({}, socket)[0] ?? '', /^--proxy-trust must not be platform/)
  })

  it('listen on PORT if the platform is trusted', () => {
    const { proxyListen: _, ...others } = proxied
    const listen = (environment: Record<string, string>, flags: object = {}) =>
      loadConfig({ PORT: '8080', ...environment }, { aclFile, ...flags }).doors.proxy
    assert.equal(listen({}), null)
    const trusted = { ...others, proxyTrust: 'platform' }
    assert.deepEqual(listen({}, trusted), { host: '::', port: 8080 })
    assert.deepEqual(listen({ WOTT_PROXY_LISTEN: ':81' }, trusted), { host: '::', port: 81 })
    assert.equal(listen({ WOTT_PROXY_LISTEN: 'off' }), null)
    assert.match(problemsOf({ PORT: 'x' }, trusted)[0] ?? '', /^PORT must be /)
    // without an identity setting it does not start
    assert.equal(problemsOf({ PORT: '8080', WOTT_PROXY_TRUST: 'platform' }).length, 1)
  })

  it('cannot share an address', () => {
    const others = { viewerListen: 'off', opsListen: 'off' }
    const same = (a: string, b: string) =>
      problemsOf({ WOTT_DEVICE_LISTEN: a }, { ...others, mqttListen: b })
    const said = ['--mqtt-listen must not use the same address as WOTT_DEVICE_LISTEN']
    assert.deepEqual(same(':8443', '127.0.0.1:8443'), said)
    assert.deepEqual(same('127.0.0.1:8443', ':8443'), said)
    assert.deepEqual(same('0.0.0.0:8443', '10.0.0.1:8443'), said)
    assert.deepEqual(same('0.0.0.0:8443', '[::1]:8443'), [])
    assert.deepEqual(same('127.0.0.1:8443', '127.0.0.2:8443'), [])
    assert.deepEqual(same(':0', ':0'), [])
  })

  it('are different for a function', () => {
    const problems = (environment: Record<string, string>) => {
      try {
        loadConfig(environment, { aclFile }, 'function')
        return ''
      } catch (error) {
        return (error as Error).message
      }
    }
    const WOTT_BROKER = 'mqtts://localhost'
    assert.equal(problems({ WOTT_BROKER, WOTT_PROXY_IDENTITY: 'alb' }), '')
    assert.equal(problems({ WOTT_BROKER, WOTT_FUNCTION_BASE_PATH: '/iot' }), '')
    assert.match(problems({}), /WOTT_BROKER must be mqtts:/)
    assert.match(
      problems({ WOTT_BROKER, WOTT_PROXY_IDENTITY: 'nginx' }),
      /WOTT_PROXY_IDENTITY must be aws-apigw or alb in a function/,
    )
    assert.match(
      problems({ WOTT_BROKER, WOTT_FUNCTION_BASE_PATH: 'iot' }),
      /WOTT_FUNCTION_BASE_PATH must be a path such as/,
    )
  })
})
