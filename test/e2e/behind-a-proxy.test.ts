import assert from 'node:assert/strict'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Folder, type Program, startAny, temporaryFolder } from '../cli/program.ts'
import {
  curl,
  eventSource,
  http1,
  http2,
  http2Session,
  messagesOf,
  mqttOverWebSocket,
  type Reachable,
} from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { untilListening } from '../support/listening.ts'
import type { Credentials } from '../support/pki.ts'
import { type ProxiedGateway, passedOn, startProxied } from '../support/proxied.ts'

const PAGE = resolve(import.meta.dirname, '../../docs/behind-a-proxy.md')

type Kind = 'nginx' | 'haproxy' | 'caddyfile'

/** The configuration from the docs page, with these ports and the files of `folder`. */
async function configuration(
  kind: Kind,
  { path }: Folder,
  ports: { readonly public: number; readonly gateway: number },
): Promise<string> {
  const page = await readFile(PAGE, 'utf8')
  const [, text = ''] = new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``).exec(page) ?? []
  assert.notEqual(text, '', kind)
  return text
    .replaceAll('/etc/wott-proxy', path)
    .replaceAll('127.0.0.1:8445', `127.0.0.1:${ports.gateway}`)
    .replaceAll('devices.example', 'localhost')
    .replaceAll('gateway.example', 'localhost')
    .replace(/(listen |:)443\b/, `$1${ports.public}`)
}

const RUN: Record<Kind, (folder: Folder, text: string) => Promise<Program>> = {
  async nginx({ path }, text) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${path}/${name};`)
      .join('\n')
    const file = join(path, 'nginx.conf')
    const own = process.getuid?.() === 0 ? 'user root;' : ''
    const head = `${own} daemon off; pid ${path}/nginx.pid; events {}`
    await writeFile(file, `${head} http { access_log off; ${temporary}\n${text}}\n`)
    return startAny('nginx', ['-c', file, '-e', 'stderr'])
  },
  async haproxy({ path }, text) {
    const file = join(path, 'haproxy.cfg')
    await writeFile(file, text)
    return startAny('haproxy', ['-db', '-f', file])
  },
  async caddyfile({ path }, text) {
    const file = join(path, 'Caddyfile')
    await writeFile(file, `{\n admin off\n auto_https disable_redirects\n}\n${text}`)
    const env = { HOME: path, XDG_DATA_HOME: path, XDG_CONFIG_HOME: path }
    return startAny('caddy', ['run', '--adapter', 'caddyfile', '--config', file], { env })
  },
}

/** Writes the files that a proxy needs besides its configuration. */
async function layOut({ path }: Folder, at: ProxiedGateway): Promise<void> {
  const own = await at.pki.issue('public', { names: ['localhost', '127.0.0.1'] })
  const file = (name: string) => join(path, name)
  await Promise.all([
    writeFile(file('public.crt'), own.certificate),
    writeFile(file('public.key'), own.key),
    writeFile(file('public.pem'), own.certificate + own.key),
    writeFile(file('proxy.crt'), at.proxy.certificate),
    writeFile(file('proxy.key'), at.proxy.key),
    writeFile(file('proxy.pem'), at.proxy.certificate + at.proxy.key),
    copyFile(own.caFile, file('devices-ca.crt')),
    copyFile(own.caFile, file('gateway-ca.crt')),
  ])
}

interface Proxied extends AsyncDisposable {
  readonly at: ProxiedGateway
  /** The proxy as a device sees it, in place of a device door. */
  readonly front: Reachable
  readonly program: Program
}

async function startProxy(kind: Kind, change = (text: string) => text): Promise<Proxied> {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const socket = join(folder.path, 'proxy.sock')
  const isSocket = change('127.0.0.1:8445').includes('unix')
  const at = stack.use(
    await startProxied({
      settings: {
        proxyIdentity: kind === 'nginx' ? 'nginx' : 'rfc9440',
        ...(isSocket ? { proxyListen: `unix:${socket}` } : {}),
      },
    }),
  )
  await layOut(folder, at)
  const port = await freePort()
  const page = await configuration(kind, folder, { public: port, gateway: at.port })
  const text = change(page.replaceAll('127.0.0.1:0', '127.0.0.1:8445')).replaceAll('SOCKET', socket)
  const program = stack.use(await RUN[kind](folder, text))
  await untilListening(port, program)
  const front = { pki: at.pki, ports: { ...at.ports, device: port } }
  return { at, front, program, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The name in the certificate of the proxy, which Caddy requires as Host. */
const host = ({ front }: Proxied) => ({ host: `localhost:${front.ports.device}` })

const ask = (proxied: Proxied, who: Credentials, options: Parameters<typeof http1>[2]) =>
  http1(proxied.front, who, { headers: host(proxied), ...options })

for (const kind of ['nginx', 'haproxy', 'caddyfile'] as const)
  describe(`through ${kind === 'caddyfile' ? 'caddy' : kind} as set up in the docs`, () => {
    let proxied: Proxied
    let [one, two] = [] as unknown as [Credentials, Credentials]
    before(async () => {
      proxied = await startProxy(kind)
      one = await proxied.at.pki.issue('one')
      two = await proxied.at.pki.issue('two')
    })
    after(() => proxied[Symbol.asyncDispose]())

    const base = () => `https://localhost:${proxied.front.ports.device}`
    const whoami = (who: Credentials | null, ...args: string[]) =>
      curl(who, one.caFile, '-w', '\n%{http_code}', ...args, `${base()}/whoami`)

    it('curl publishes with the identity of its device, over HTTP/1.1 and HTTP/2', async () => {
      for (const version of ['--http1.1', '--http2']) {
        const { stdout, stderr } = await whoami(one, version)
        assert.match(stdout, /"id":"one"[\s\S]*\n200$/, stderr + proxied.program.lines.join('\n'))
        const sent = await curl(one, one.caFile, version, '-d', '21.5', `${base()}/topics/a?qos=1`)
        assert.match(sent.stdout, /"message":"OK"/)
      }
    })

    it('a client without a device certificate is refused', async () => {
      const stranger = await proxied.at.proxyPki.issue('one')
      for (const who of [null, stranger]) {
        const { stdout } = await whoami(who, '-H', `Client-Cert: ${passedOn(one)['client-cert']}`)
        assert.doesNotMatch(stdout, /\n200$/)
      }
    })

    it('identity headers that a client forges are replaced or refused', async () => {
      const { 'client-cert': sequence } = passedOn(two)
      const pem = encodeURIComponent(two.certificate)
      for (const forged of [
        [`Client-Cert: ${sequence}`],
        [`Client-Cert: ${sequence}`, `Client-Cert: ${sequence}`],
        [`client_cert: ${sequence}`],
        [`CLIENT-CERT: ${sequence}`, 'Connection: Client-Cert'],
        [`Client-Cert-Chain: ${sequence}`],
        ['Client-Cert-Chain: nonsense'],
        [`X-SSL-Client-Cert: ${pem}`, 'X-SSL-Client-Verify: SUCCESS'],
        [`x_ssl_client_cert: ${pem}`],
        ['Connection: X-SSL-Client-Cert, X-SSL-Client-Verify'],
        ['Connection: close, Client-Cert'],
        [`X-Forwarded-Client-Cert: Cert="${pem}"`],
      ])
        for (const version of ['--http1.1', '--http2']) {
          const { stdout } = await whoami(one, version, ...forged.flatMap((line) => ['-H', line]))
          assert.match(stdout, /("id":"one"[\s\S]*\n200|\n400)$/, `${version} ${forged}\n${stdout}`)
          assert.doesNotMatch(stdout, /"id":"two"/)
        }
    })

    it('two devices share a connection of the proxy with separate identities', async () => {
      const asked = Array.from({ length: 20 }, (_, index) =>
        ask(proxied, index % 2 === 0 ? one : two, { path: '/whoami' }),
      )
      const ids = (await Promise.all(asked)).map(({ json }) => json.id)
      assert.deepEqual(
        ids,
        ids.map((_, index) => (index % 2 === 0 ? 'one' : 'two')),
      )
      const before = await handshakes(proxied)
      const session = http2Session(proxied.front, one)
      const other = http2Session(proxied.front, two)
      for (let index = 0; index < 10; index += 1)
        for (const [client, id] of [
          [session, 'one'],
          [other, 'two'],
        ] as const)
          assert.equal((await http2(client, { ':path': '/whoami' })).json.id, id)
      session.close()
      other.close()
      // fewer connections than requests, as the proxy uses each for any device
      const made = (await handshakes(proxied)) - before
      assert.ok(made < 10, `${made} connections for 20 requests`)
    })

    it('MQTT over WebSocket has the identity of the device', async () => {
      const client = await mqttOverWebSocket(proxied.front, two)
      const messages = messagesOf(client)
      await client.subscribeAsync('b')
      await ask(proxied, one, { path: '/topics/b', method: 'POST', body: '1' })
      assert.equal((await messages.next()).payload, '1')
      await client.endAsync()
    })

    it('events arrive at once, and a stream ends when its device is revoked', async () => {
      const third = await proxied.at.pki.issue('third')
      using events = await eventSource(proxied.front, third, '/topics/c', host(proxied))
      using stays = await eventSource(proxied.front, two, '/topics/c', host(proxied))
      await ask(proxied, one, { path: '/topics/c', method: 'POST', body: '1' })
      assert.match((await events.next()).data, /"payload":"1"/)
      assert.match((await stays.next()).data, /"payload":"1"/)
      await proxied.at.pki.revoke(third.serial)
      const { event, data } = await events.next()
      assert.deepEqual([event, JSON.parse(data).code], ['end', 'certificate_revoked'])
      await events.ended()
      const { status, json } = await ask(proxied, third, { path: '/whoami' })
      assert.deepEqual([status, json.code], [401, 'certificate_revoked'])
      await ask(proxied, one, { path: '/topics/c', method: 'POST', body: '2' })
      assert.match((await stays.next()).data, /"payload":"2"/)
    })
  })

/** The number of connections that the proxy has made so far. */
async function handshakes({ at }: Proxied): Promise<number> {
  const results = ['full', 'resumed'].map((result) =>
    at.metric(`wott_handshakes_total{door="proxy",result="${result}"}`),
  )
  return (await Promise.all(results)).reduce<number>((sum, count = 0) => sum + count, 0)
}

/** The changes that the docs page gives for a Unix socket. */
const ON_A_SOCKET: Record<Kind, (text: string) => string> = {
  nginx: (text) =>
    text
      .replace('127.0.0.1:8445', 'unix:SOCKET')
      .replace('https://gateway', 'http://gateway')
      .replaceAll(/ *proxy_ssl_.*\n/g, ''),
  haproxy: (text) => text.replace(/127\.0\.0\.1:8445.*/, 'unix@SOCKET'),
  caddyfile: (text) =>
    text.replace(/(https:\/\/)?127\.0\.0\.1:8445/, 'unix/SOCKET').replaceAll(/ *tls_.*\n/g, ''),
}

for (const kind of ['nginx', 'haproxy', 'caddyfile'] as const)
  it(`over a Unix socket ${kind === 'caddyfile' ? 'caddy' : kind} needs no certificate`, async () => {
    await using proxied = await startProxy(kind, ON_A_SOCKET[kind])
    const one = await proxied.at.pki.issue('one')
    const { json, text } = await ask(proxied, one, { path: '/whoami' })
    assert.equal(json.id, 'one', text)
    const client = await mqttOverWebSocket(proxied.front, one)
    await client.publishAsync('a', '1', { qos: 1 })
    await client.endAsync()
  })
