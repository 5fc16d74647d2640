import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { startGateway } from '../cli/program.ts'
import { run } from '../support/clients.ts'
import { type Credentials, createPki } from '../support/pki.ts'

let folder: string
let conf: string
let port: number
let broker: Credentials
const devices = new Map<string, Credentials>()

/** The tutorial's mosquitto.conf, with the lines that it has commented out. */
function tutorialConf(certs: string, acl: string): string {
  return `# =================================================================
# Default listener
# =================================================================
#bind_address
port ${port}
#max_connections -1
protocol mqtt
#http_dir
cafile ${certs}/ca.crt
#capath
certfile ${certs}/client.crt
keyfile ${certs}/client.key
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
#use_subject_as_username false
acl_file ${acl}
`
}

const ACL = `user both.d.wott.local
topic readwrite wott/temperature

user publisher.d.wott.local
topic write wott/temperature

user subscriber.d.wott.local
topic read wott/temperature
`

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wott-tutorial-'))
  const pki = await createPki(join(folder, 'pki'))
  broker = await pki.issue('localhost')
  for (const name of ['both', 'publisher', 'subscriber', 'stranger'])
    devices.set(name, await pki.issue(`${name}.d.wott.local`))
  const server = createServer().listen(0)
  await once(server, 'listening')
  port = (server.address() as { port: number }).port
  server.close()
  await once(server, 'close')
  const acl = join(folder, 'permission.acl')
  await writeFile(acl, ACL)
  conf = join(folder, 'mosquitto.conf')
  await writeFile(conf, tutorialConf(broker.directory, acl))
  // a Mosquitto that root starts changes to another user
  await promisify(execFile)('chmod', ['-R', 'a+rX', folder])
})
after(() => rm(folder, { recursive: true, force: true }))

function options(who: Credentials | undefined): string[] {
  const own = who ? ['--cert', who.certFile, '--key', who.keyFile] : []
  return ['--cafile', broker.caFile, ...own, '-h', 'localhost', '-p', String(port)]
}

/** The verdicts for each device of the tutorial. */
async function verdicts() {
  const publish = (who: string, message: string) =>
    run('mosquitto_pub', [
      ...[...options(devices.get(who)), '-q', '1', '-r', '-t', 'wott/temperature', '-m', message],
    ])
  const read = async (who: string) => {
    const { code, stdout } = await run('mosquitto_sub', [
      ...[...options(devices.get(who)), '-v', '-t', 'wott/temperature', '-C', '1', '-W', '1'],
    ])
    return `${code} ${stdout}`
  }
  const published: Record<string, number | null> = {}
  for (const [who, message] of Object.entries({ publisher: '40', subscriber: 'x', stranger: 'y' }))
    published[who] = (await publish(who, message)).code
  const readers = ['both', 'publisher', 'subscriber', 'stranger']
  const received = await Promise.all(readers.map(read))
  const nameless = (await publish('nobody', 'z')).code
  return { published, received, refused: nameless !== 0 }
}

const EXPECTED = {
  published: { publisher: 0, subscriber: 0, stranger: 0 },
  received: ['0 wott/temperature 40\n', '27 ', '0 wott/temperature 40\n', '27 '],
  refused: true,
}

describe("the tutorial's mosquitto.conf", () => {
  it('means the same to Mosquitto and to the gateway', async () => {
    const mosquitto = spawn('/usr/sbin/mosquitto', ['-c', conf], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    try {
      for await (const line of createInterface(mosquitto.stderr))
        if (line.includes('running')) break
      assert.deepEqual(await verdicts(), EXPECTED)
    } finally {
      mosquitto.kill()
      await once(mosquitto, 'close')
    }
    await using gateway = await startGateway([
      ...['serve', '--mosquitto-conf', conf, '--broker', 'memory:'],
      ...['device', 'viewer', 'ops'].flatMap((door) => [`--${door}-listen`, '127.0.0.1:0']),
    ])
    assert.equal(gateway.ports.mqtt, port)
    assert.deepEqual(await verdicts(), EXPECTED)
  })
})
