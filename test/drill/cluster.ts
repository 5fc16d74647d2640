import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAny } from '../cli/program.ts'
import { freePort } from '../support/free-port.ts'
import { untilListening } from '../support/listening.ts'
import { type Mosquitto, startMosquitto } from '../support/mosquitto.ts'
import { type Credentials, createPki, type Pki } from '../support/pki.ts'
import { createProcess, type KillableProcess } from './gateway.ts'

/** Gateways that relay to one Mosquitto, behind nginx with the configuration of docs/scaling.md. */
export interface Cluster extends AsyncDisposable {
  readonly pki: Pki
  /** The device that reads the stream and the subscription. */
  readonly device: Credentials
  /** nginx. */
  readonly ports: { readonly https: number }
  readonly broker: Mosquitto
  readonly gateways: readonly KillableProcess[]
}

const PAGE = join(import.meta.dirname, '../../docs/scaling.md')
/** The addresses in docs/scaling.md. */
const ADDRESSES = ['10.0.0.5:8443', '10.0.0.6:8443', '10.0.0.7:8443']
const NGINX = `load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
events { worker_connections 4096; }
`

export async function startCluster(): Promise<Cluster> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'wott-scale-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1']
  const own = await pki.issue('gateway.d.wott.local', { names })
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, 'pattern readwrite #\n')
  const broker = stack.use(
    await startMosquitto({
      tls: { own },
      // otherwise it drops messages that a subscriber cannot take at once
      lines: ['max_queued_messages 0', 'max_inflight_messages 0'],
    }),
  )
  const settings = {
    WOTT_CERTS_DIR: own.directory,
    WOTT_ACL_FILE: aclFile,
    WOTT_BROKER: `mqtts://localhost:${broker.port}`,
    WOTT_BROKER_CA_FILE: own.caFile,
    WOTT_PROXY_PROTOCOL: 'v1',
    WOTT_PROXY_PROTOCOL_FROM: '127.0.0.1',
    WOTT_MQTT_LISTEN: 'off',
    WOTT_VIEWER_LISTEN: 'off',
    WOTT_OPS_LISTEN: 'off',
    WOTT_LOG_LEVEL: 'info',
    // all devices have the same address here
    WOTT_HANDSHAKE_RATE_PER_ADDRESS: '0',
    WOTT_PUBLISH_RATE: '0',
  }
  const behind = await Promise.all(ADDRESSES.map(freePort))
  const gateways = behind.map((port) =>
    createProcess({ ...settings, WOTT_DEVICE_LISTEN: `127.0.0.1:${port}` }, [
      '"door":"device"',
      'connected to the broker',
    ]),
  )
  for (const gateway of gateways) stack.defer(() => gateway.kill())
  await Promise.all(gateways.map(({ restart }) => restart()))

  const https = await freePort()
  const file = join(directory, 'nginx.conf')
  await writeFile(file, `${NGINX}pid ${directory}/pid;\n${await nginxFor(https, behind)}`)
  const nginx = stack.use(startAny('nginx', ['-c', file, '-e', 'stderr']))
  await untilListening(https, nginx)
  const device = await pki.issue('reader.d.wott.local')
  const running = stack.move()
  return {
    pki,
    device,
    broker,
    gateways,
    ports: { https },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function nginxFor(https: number, behind: readonly number[]): Promise<string> {
  const [, code = ''] = /^```nginx\n(.*?)^```$/ms.exec(await readFile(PAGE, 'utf8')) ?? []
  let here = code.replace('listen 8443;', `listen 127.0.0.1:${https};`)
  for (const [index, address] of ADDRESSES.entries())
    here = here.replace(address, `127.0.0.1:${behind[index]}`)
  return here
}
