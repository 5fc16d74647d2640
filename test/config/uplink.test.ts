import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'

const aclFile = 'permission.acl'

function problemsOf(environment: Record<string, string>): string[] {
  try {
    loadConfig(environment, { aclFile })
    return []
  } catch (error) {
    return (error as Error).message.split('\n  ').slice(1)
  }
}

describe('the address of another broker', () => {
  it('is one or several URLs, with or without a port', () => {
    const urls = (text: string) => {
      const { address } = loadConfig({ WOTT_BROKER: text }, { aclFile }).broker
      assert.equal(address.kind, 'mqtt')
      return address.kind === 'mqtt' ? address.urls : []
    }
    assert.deepEqual(urls('mqtt://broker'), [{ host: 'broker', port: 1883, tls: false }])
    assert.deepEqual(urls('mqtts://a.example/, mqtts://[::1]:8884'), [
      { host: 'a.example', port: 8883, tls: true },
      { host: '::1', port: 8884, tls: true },
    ])
  })

  it('may not hold a password, which the error does not repeat', () => {
    for (const url of ['mqtts://me:se/cret@broker', 'mqtts://me:secret@broker']) {
      const [problem = '', ...others] = problemsOf({ WOTT_BROKER: url })
      assert.deepEqual(others, [])
      assert.doesNotMatch(problem, /cret/)
    }
    assert.deepEqual(problemsOf({ WOTT_BROKER: 'mqtts://me:secret@broker' }), [
      'WOTT_BROKER must not contain a user name or password, because URLs are logged: use the settings that end in USERNAME and PASSWORD_FILE, not "mqtts://…@broker"',
    ])
  })

  it('is refused with another form', () => {
    const form = 'must be mqtt://HOST:PORT or mqtts://HOST:PORT; several are separated by commas'
    for (const [url, problem] of [
      ['mqtts://', form],
      ['mqtts://a,b', form],
      ['mqtts://a:99999', form],
      ['mqtts://a/mqtt', 'must end after HOST:PORT: MQTT over TCP has no path'],
      [
        'mqtts://a,mqtt://b',
        'must not mix mqtt:// and mqtts://, so that TLS is not left out by accident',
      ],
    ] as const)
      assert.deepEqual(problemsOf({ WOTT_BROKER: url }), [
        `WOTT_BROKER ${problem}, not ${JSON.stringify(url)}`,
      ])
  })
})

describe('the settings of another broker', () => {
  it('are a group of their own', () => {
    const config = loadConfig(
      {
        WOTT_BROKER: 'mqtts://broker',
        WOTT_BROKER_USERNAME: 'me',
        WOTT_BROKER_PASSWORD_FILE: 'password',
        WOTT_BROKER_TIMEOUT: '7',
      },
      { aclFile },
    )
    const { username, passwordFile, caFile, timeoutMs } = config.broker.relayed.uplink
    assert.deepEqual(
      [username, passwordFile, caFile, timeoutMs],
      ['me', resolve('password'), undefined, 7_000],
    )
  })

  it('are refused where they have no effect, as WOTT_BROKER may have been forgotten', () => {
    const away = 'has no effect without WOTT_BROKER=mqtt://… or mqtts://…'
    assert.deepEqual(problemsOf({ WOTT_BROKER_USERNAME: 'me', WOTT_BROKER_SUBSCRIBE: 'a/#' }), [
      `WOTT_BROKER_USERNAME ${away}`,
      `WOTT_BROKER_SUBSCRIBE ${away}`,
    ])
    assert.deepEqual(problemsOf({ WOTT_BROKER: 'mqtt://broker', WOTT_BROKER_CA_FILE: 'ca.pem' }), [
      'WOTT_BROKER_CA_FILE has no effect without TLS: use WOTT_BROKER=mqtts://…',
    ])
    assert.deepEqual(
      problemsOf({
        WOTT_BROKER: 'mqtts://broker',
        WOTT_BROKER_CERT_FILE: 'cert.pem',
        WOTT_BROKER_PASSWORD_FILE: 'password',
      }),
      [
        'WOTT_BROKER_PASSWORD_FILE needs WOTT_BROKER_USERNAME',
        'WOTT_BROKER_CERT_FILE needs WOTT_BROKER_KEY_FILE',
      ],
    )
  })

  it('may stay when WOTT_BROKER is changed to file: or memory:, with a warning', () => {
    for (const WOTT_BROKER of ['file:./data', 'file:/other', 'memory:']) {
      const { warnings } = loadConfig(
        { WOTT_BROKER, WOTT_BROKER_CA_FILE: 'ca.pem', WOTT_BROKER_SUBSCRIBE: 'a/#' },
        { aclFile },
      )
      const away = 'has no effect without WOTT_BROKER=mqtt://… or mqtts://…'
      assert.deepEqual(warnings, [`WOTT_BROKER_CA_FILE ${away}`, `WOTT_BROKER_SUBSCRIBE ${away}`])
    }
  })

  it('may be set to their defaults anywhere, as in .env.example', () => {
    assert.deepEqual(problemsOf({ WOTT_BROKER_TIMEOUT: '5', WOTT_BROKER_SUBSCRIBE: '#' }), [])
  })
})
