import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { curl, mosquittoArgs, run } from '../support/clients.ts'
import { freePort } from '../support/free-port.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { untilListening } from '../support/listening.ts'
import { untilClosed } from '../support/raw.ts'

const PAGE = join(import.meta.dirname, '../../docs/deploying.md')
const SETTINGS = {
  proxyProtocol: 'any',
  proxyProtocolFrom: '127.0.0.1',
  maxStrangersPerAddress: '2',
}
const BALANCERS = {
  haproxy: (file: string) => ['-db', '-f', file],
  nginx: (file: string) => ['-c', file, '-e', 'stderr'],
}
const NGINX = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
events {}
`

interface Balancer extends AsyncDisposable {
  readonly ports: { readonly device: number; readonly mqtt: number }
}

/** Starts a load balancer with the configuration from the docs, in front of both doors. */
async function startBalancer(
  program: keyof typeof BALANCERS,
  { ports }: TestGateway,
): Promise<Balancer> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const [, code = ''] =
    new RegExp(`^\`\`\`${program}\n(.*?)^\`\`\`$`, 'ms').exec(await readFile(PAGE, 'utf8')) ?? []
  const own = { device: await freePort(), mqtt: await freePort() }
  const here = code
    .replaceAll('10.0.0.5:8443', `127.0.0.1:${ports.device}`)
    .replaceAll('10.0.0.5:8883', `127.0.0.1:${ports.mqtt}`)
    .replace(/(bind |listen ):?8443/, `$1127.0.0.1:${own.device}`)
    .replace(/(bind |listen ):?8883/, `$1127.0.0.1:${own.mqtt}`)
  const file = join(folder.path, 'balancer.conf')
  const pid = program === 'nginx' ? `${NGINX}pid ${folder.path}/pid;\n` : ''
  await writeFile(file, pid + here)
  const balancer = stack.use(startAny(program, BALANCERS[program](file)))
  await Promise.all(Object.values(own).map((port) => untilListening(port, balancer)))
  const running = stack.move()
  return { ports: own, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function silent(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => {})
  await once(socket, 'connect')
  return socket
}

for (const program of ['haproxy', 'nginx'] as const)
  describe(`behind ${program} with the file of the docs`, () => {
    it('devices publish over HTTP and MQTT', async () => {
      await using at = await startGateway({ acl: 'pattern readwrite #\n', settings: SETTINGS })
      await using balancer = await startBalancer(program, at)
      const device = await at.pki.issue('device')
      const url = `https://localhost:${balancer.ports.device}/topics/a?qos=1&retain=true`
      const published = await curl(device, device.caFile, '-f', '-d', '1', url)
      assert.equal(published.code, 0, published.stderr)
      const there = mosquittoArgs({ ...at, ports: { ...at.ports, ...balancer.ports } }, device)
      const ran = await run('mosquitto_pub', [...there, '-q', '1', '-t', 'b', '-m', '2'])
      assert.equal(ran.code, 0, ran.stderr)
      assert.equal(
        await at.metric('wott_publishes_total{door="mqtt",qos="1",result="accepted"}'),
        1,
      )
      for (const door of ['device', 'mqtt'])
        for (const reason of ['proxy_header', 'proxy_untrusted']) {
          const sample = `wott_connections_cut_total{door="${door}",reason="${reason}"}`
          assert.equal(await at.metric(sample), 0)
        }
      // health checks of the balancer are not logged either
      assert.deepEqual(
        at.log.filter(({ level }) => level === 'warn'),
        [],
      )
    })

    it('the log shows the addresses of clients', async () => {
      await using at = await startGateway({ settings: SETTINGS })
      await using balancer = await startBalancer(program, at)
      const stranger = await at.pki.issue('device', {}, await createAuthority())
      const url = `https://localhost:${balancer.ports.device}/whoami`
      const asked = await curl(null, stranger.caFile, '--interface', '127.0.0.2', url)
      assert.match(asked.stdout, /certificate_required/)
      const there = mosquittoArgs({ ...at, ports: { ...at.ports, ...balancer.ports } }, stranger)
      const ran = await run('mosquitto_pub', [...there, '-A', '127.0.0.3', '-t', 'b', '-m', '2'])
      assert.notEqual(ran.code, 0)
      for (const [door, address] of Object.entries({ device: '127.0.0.2', mqtt: '127.0.0.3' })) {
        const line = await at.logged((each) => each.door === door && 'reason' in each)
        assert.equal(line.address, address)
      }
    })

    it('the connection limit counts the addresses of clients', async () => {
      await using at = await startGateway({ settings: SETTINGS })
      await using balancer = await startBalancer(program, at)
      for (const door of ['device', 'mqtt'] as const) {
        const greedy = await silent(balancer.ports[door], '127.0.0.2')
        const cut = untilClosed(greedy)
        const others = [
          await silent(balancer.ports[door], '127.0.0.3'),
          await silent(balancer.ports[door], '127.0.0.2'),
          await silent(balancer.ports[door], '127.0.0.2'),
        ]
        await cut
        const line = await at.logged(
          (each) => each.door === door && each.reason === 'max_strangers_per_address',
        )
        assert.equal(line.address, '127.0.0.2')
        for (const socket of others) socket.destroy()
      }
    })

    it('no client can bypass it', async () => {
      await using at = await startGateway({ settings: SETTINGS })
      await using _balancer = await startBalancer(program, at)
      for (const door of ['device', 'mqtt'] as const) {
        await untilClosed(await silent(at.ports[door], '127.0.0.2'))
        const line = await at.logged((each) => each.door === door && each.reason === 'untrusted')
        assert.equal(line.address, '127.0.0.2')
      }
    })
  })
