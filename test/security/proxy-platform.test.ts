import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connectAsync } from 'mqtt'
import { createAuthority } from '../../src/ca/authority.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { curl, http2 } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { untilListening } from '../support/listening.ts'
import type { Credentials } from '../support/pki.ts'
import { untilClosed } from '../support/raw.ts'

const HEADER = 'x-client-cert'
const SETTINGS = {
  proxyListen: '127.0.0.1:0',
  proxyTrust: 'platform',
  proxyIdentity: 'gcp',
  proxyCertHeader: HEADER,
}
const PATHS = ['/', '/whoami', '/topics/a', '/topics/%23', '/stream?filter=a', '/history', '/docs']

/** The format of RFC 9440, as in {client_cert_leaf}. */
const passedOn = ({ certificate }: Credentials) => ({
  [HEADER]: `:${certificate.replace(/-----[A-Z ]+-----|\s/g, '')}:`,
})

describe('behind the front end of a platform', () => {
  let at: TestGateway
  let port: number
  let sensor: Credentials
  before(async () => {
    at = await startGateway({ acl: 'pattern readwrite #\n', settings: SETTINGS })
    port = at.gateway.doors.proxy?.port ?? 0
    sensor = await at.pki.issue('sensor')
  })
  after(() => at[Symbol.asyncDispose]())

  /** The status over HTTP/1.1 and over HTTP/2; both as a front end sends them, without TLS. */
  async function statuses(
    path: string,
    headers: Record<string, string | string[]>,
  ): Promise<number[]> {
    const sent = request({ host: '127.0.0.1', port, path, headers }).end()
    const [response] = await once(sent, 'response')
    response.resume()
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const { status } = await http2(session, { ':path': path, ...headers })
    session.close()
    return [response.statusCode, status]
  }

  it('the gateway says at its start what it relies on', () => {
    const line = at.log.find(({ msg }) => String(msg).startsWith('WOTT_PROXY_TRUST=platform'))
    assert.deepEqual([line?.level, line?.door], ['warn', 'proxy'])
  })

  it('the settings in the docs are sufficient', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/serverless.md'), 'utf8')
    const [, block = ''] = /^```sh\n(WOTT_PROXY_TRUST=.*?)^```$/ms.exec(page) ?? []
    const settings = Object.fromEntries(
      block
        .trim()
        .split('\n')
        .map((line) => line.split('=')),
    )
    const config = loadConfig({ ...settings, PORT: '8080' }, { aclFile: 'permission.acl' })
    assert.deepEqual(config.doors.proxy, { host: '::', port: 8080 })
    assert.equal(config.proxy.headers.certificate, HEADER)
  })

  it('no route is reachable without a certificate', async () => {
    for (const path of PATHS) assert.deepEqual(await statuses(path, {}), [401, 401], path)
    const socket = connect(port, '127.0.0.1')
    socket.write(
      'GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
    )
    assert.match(await untilClosed(socket), /^HTTP\/1\.1 401 /)
  })

  it('no route is reachable with a certificate of another CA, or with two', async () => {
    const other = await at.pki.issue('elsewhere', {}, await createAuthority())
    const twice = Object.values(passedOn(sensor)).concat(Object.values(passedOn(sensor)))
    assert.deepEqual(await statuses('/whoami', passedOn(other)), [401, 401])
    assert.deepEqual(await statuses('/whoami', { [HEADER]: twice }), [400, 400])
  })

  it('a device is identified by its certificate', async () => {
    assert.deepEqual(await statuses('/whoami', passedOn(sensor)), [200, 200])
  })

  it('a device speaks MQTT over WebSocket', async () => {
    const client = await connectAsync(`ws://127.0.0.1:${port}/mqtt`, {
      reconnectPeriod: 0,
      wsOptions: { headers: passedOn(sensor) },
    })
    await client.publishAsync('a', '1', { qos: 1 })
    await client.endAsync()
  })

  it('the headers are ignored on other doors', async () => {
    const session = connectHttp2(`https://localhost:${at.ports.device}`, {
      ca: at.pki.authority.certificate,
    })
    assert.equal((await http2(session, { ':path': '/whoami', ...passedOn(sensor) })).status, 401)
    session.close()
  })

  for (const [version, proto] of Object.entries({ 'HTTP/1.1': '', 'HTTP/2': ' proto h2' }))
    it(`HAProxy ends mutual TLS and speaks ${version} without TLS to the gateway`, async () => {
      await using folder = await temporaryFolder()
      const gateway = await at.pki.issue('front', { names: ['localhost'] })
      const file = (name: string) => join(folder.path, name)
      await writeFile(file('front.pem'), gateway.certificate + gateway.key)
      await writeFile(
        file('haproxy.cfg'),
        `defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
frontend devices
    bind unix@${file('front.sock')} ssl crt ${file('front.pem')} ca-file ${gateway.caFile} verify required alpn h2,http/1.1
    http-request set-header ${HEADER} :%[ssl_c_der,base64]:
    default_backend gateway
backend gateway
    server gateway 127.0.0.1:${port}${proto}
`,
      )
      await using haproxy = startAny('haproxy', ['-db', '-f', file('haproxy.cfg')])
      await untilListening(file('front.sock'), haproxy)
      const ask = (...args: string[]) =>
        curl(sensor, sensor.caFile, '--unix-socket', file('front.sock'), ...args)
      const published = await ask('-f', '-d', '21.5', 'https://localhost/topics/a?retain=true')
      assert.equal(published.code, 0, published.stderr)
      // whatever the client claims
      const forged = `${HEADER}: ${passedOn(await at.pki.issue('other'))[HEADER]}`
      const { stdout } = await ask('-H', forged, 'https://localhost/whoami')
      assert.equal(JSON.parse(stdout).id, 'sensor')
    })
})
