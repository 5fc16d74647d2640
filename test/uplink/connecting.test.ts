import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { freePort } from '../support/free-port.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { createPki, type Pki } from '../support/pki.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { startScriptedBroker } from './scripted-broker.ts'
import { message, startUplink } from './site.ts'

describe('an uplink connects', () => {
  let directory: string
  let pki: Pki
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'wott-uplink-'))
    pki = await createPki(directory)
  })
  after(() => rm(directory, { recursive: true }))

  const own = (name = '127.0.0.1') => pki.issue(`broker-${name}`, { names: [name] })

  it('with a client certificate, and reports the error without one', async () => {
    const broker = await own()
    await using mosquitto = await startMosquitto({ tls: { own: broker, clients: true } })
    const { caFile, certFile, keyFile } = await pki.issue('gateway')
    await using at = startUplink(mosquitto.port, {
      tls: true,
      credentials: { caFile, certFile, keyFile },
    })
    await at.connected()
    await at.uplink.publish(message('a'))
    await using bare = startUplink(mosquitto.port, { tls: true, credentials: { caFile } })
    assert.match(
      await bare.away(/./),
      /^127\.0\.0\.1:\d+ refused the TLS handshake; perhaps it needs a client certificate: WOTT_BROKER_CERT_FILE and WOTT_BROKER_KEY_FILE$/,
    )
    const stranger = await pki.issue('stranger', {}, await createAuthority())
    await using other = startUplink(mosquitto.port, {
      tls: true,
      credentials: { caFile, certFile: stranger.certFile, keyFile: stranger.keyFile },
    })
    assert.match(
      await other.away(/./),
      /^127\.0\.0\.1:\d+ refused the client certificate in WOTT_BROKER_CERT_FILE: [\w ]+$/,
    )
  })

  it('only if the certificate is from the CA and for the name', async () => {
    const broker = await own('elsewhere.example')
    await using mosquitto = await startMosquitto({ tls: { own: broker } })
    await using unknown = startUplink(mosquitto.port, { tls: true })
    assert.match(await unknown.away(/./), /is not signed by a CA in WOTT_BROKER_CA_FILE/)
    const { caFile } = broker
    await using named = startUplink(mosquitto.port, { tls: true, credentials: { caFile } })
    assert.match(
      await named.away(/./),
      /^the certificate of 127\.0\.0\.1:\d+ is for a different name/,
    )
  })

  it('with a user name and a password, and reads a changed file at the next attempt', async () => {
    await using mosquitto = await startMosquitto({ users: { gateway: 'correct horse' } })
    const passwordFile = join(directory, 'password')
    await writeFile(passwordFile, 'wrong\n')
    await using at = startUplink(mosquitto.port, {
      credentials: { username: 'gateway', passwordFile },
    })
    assert.match(
      await at.away(/./),
      /^127\.0\.0\.1:\d+ refused the connection: Not authorized; see WOTT_BROKER_USERNAME, WOTT_BROKER_PASSWORD_FILE and WOTT_BROKER_CERT_FILE$/,
    )
    await writeFile(passwordFile, 'correct horse\n')
    await at.connected()
  })

  it('and reports a file that cannot be read', async () => {
    const passwordFile = join(directory, 'missing')
    await using at = startUplink(1, { credentials: { username: 'a', passwordFile } })
    assert.equal(await at.away(/./), `${passwordFile}: no such file`)
  })

  it('to the next address if the first does not answer', async () => {
    await using mosquitto = await startMosquitto()
    await using at = startUplink([await freePort(), mosquitto.port])
    await at.connected()
    assert.match(at.reasons.join(), /^nothing is listening on 127\.0\.0\.1:\d+$/)
  })

  it('not to a server that is not MQTT, does not speak TLS, or closes at once', async () => {
    const http = createServer((socket) => {
      socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n')
    }).listen(0, '127.0.0.1')
    await once(http, 'listening')
    const { port } = http.address() as AddressInfo
    await using plain = startUplink(port)
    assert.match(await plain.away(/./), /is it an MQTT broker\?$/)
    await using tls = startUplink(port, { tls: true })
    assert.match(
      await tls.away(/./),
      /^127\.0\.0\.1:\d+ does not speak TLS; is this the right port\?$/,
    )
    http.close()
    await using broker = await startScriptedBroker({ connack: () => 'close' })
    await using shut = startUplink(broker.port)
    assert.match(
      await shut.away(/./),
      /^127\.0\.0\.1:\d+ closed the connection without an answer; is it an MQTT broker\?$/,
    )
  })

  it('within a deadline, after which it gives up', async () => {
    await using broker = await startScriptedBroker({ connack: () => 'nothing' })
    await using at = startUplink(broker.port, { deadlineMs: 50 })
    assert.match(await at.away(/./), /^127\.0\.0\.1:\d+ does not answer; is it an MQTT broker\?$/)
  })

  it('again if the broker stops answering', async () => {
    await using mosquitto = await startMosquitto()
    await using proxy = await startTcpProxy(mosquitto.port)
    await using at = startUplink(proxy.port, { keepAliveSeconds: 1 })
    await at.connected()
    proxy.stalled = true
    assert.match(await at.away(/./), /^127\.0\.0\.1:\d+ does not answer any more$/)
    proxy.stalled = false
    await at.connected(2)
    await at.uplink.publish(message('a'))
  })

  it('with MQTT 3.1.1 if the broker refuses MQTT 5, and as a bridge', async () => {
    await using broker = await startScriptedBroker({
      connack: ({ protocolVersion }) => (protocolVersion === 5 ? { reasonCode: 0x84 } : {}),
    })
    await using at = startUplink(broker.port, { isBridge: true })
    await at.connected()
    assert.equal(at.uplink.protocol(), 4)
    await at.uplink.publish(message('a', 'x', { properties: { contentType: 'text/plain' } }))
    const [first, second] = broker.connects
    assert.deepEqual([first?.protocolVersion, first?.bridgeMode], [5, undefined])
    assert.deepEqual([second?.protocolVersion, second?.bridgeMode], [4, true])
  })

  it('with MQTT 3.1.1 if the broker closes the connection twice', async () => {
    await using broker = await startScriptedBroker({
      connack: ({ protocolVersion }) => (protocolVersion === 5 ? 'close' : {}),
    })
    await using at = startUplink(broker.port)
    await at.connected()
    const versions = broker.connects.map(({ protocolVersion }) => protocolVersion)
    assert.deepEqual(versions, [5, 5, 4])
  })
})
