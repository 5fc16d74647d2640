import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import {
  FREE_PORTS,
  type Options,
  run,
  startAny,
  startGateway,
  temporaryFolder,
} from '../cli/program.ts'
import { blockWith, settingsIn } from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'
import { untilListening } from '../support/listening.ts'
import { MOSQUITTO } from '../support/mosquitto.ts'
import { createPki } from '../support/pki.ts'

const execute = promisify(execFile)

it('WOTT_BROKER changes from file: to the Mosquitto of docs/in-front-of-a-broker.md and back', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  assert.equal((await run(['init'], { cwd })).code, 0)
  const pki = await createPki(join(cwd, 'broker-ca'))
  const broker = await pki.issue('broker', { names: ['localhost', '127.0.0.1'] })
  const own = await pki.issue('gateway')
  const port = await freePort()
  const acl = join(cwd, 'broker.acl')
  await writeFile(acl, await blockWith('in-front-of-a-broker.md', 'acl', 'user gateway'))
  const conf = (await blockWith('in-front-of-a-broker.md', 'mosquitto', 'require_certificate'))
    .replace('listener 8883', `user root\nlistener ${port} 127.0.0.1`)
    .replace('/etc/mosquitto/certs/ca.crt', broker.caFile)
    .replace('/etc/mosquitto/certs/broker.crt', broker.certFile)
    .replace('/etc/mosquitto/certs/broker.key', broker.keyFile)
    .replace('/etc/mosquitto/permission.acl', acl)
  await writeFile(join(cwd, 'mosquitto.conf'), conf)
  await using mosquitto = startAny(MOSQUITTO, ['-c', join(cwd, 'mosquitto.conf')])
  await untilListening(port, mosquitto)

  const relay: Record<string, string> = {
    ...settingsIn(await blockWith('in-front-of-a-broker.md', 'sh', 'WOTT_BROKER_CERT_FILE')),
    WOTT_BROKER: `mqtts://127.0.0.1:${port}`,
    WOTT_BROKER_CA_FILE: broker.caFile,
    WOTT_BROKER_CERT_FILE: own.certFile,
    WOTT_BROKER_KEY_FILE: own.keyFile,
  }
  const kept = { ...relay, WOTT_BROKER: 'file:./data' }

  await using first = await start({ cwd, env: kept })
  await first.line(/"WOTT_BROKER_CERT_FILE has no effect without WOTT_BROKER=mqtt/)
  assert.equal((await first.publish('1')).message, 'OK')
  assert.equal(await first.read(), '1')
  await first.stop()

  await using second = await start({ cwd, env: relay })
  await second.line(/"connected to the broker"/)
  assert.match(await second.read(), /"not_retained"/)
  assert.equal((await second.publish('2')).message, 'OK')
  await second.stop()

  await using third = await start({ cwd, env: kept })
  assert.equal(await third.read(), '1')
})

async function start(options: Options & { readonly cwd: string }) {
  const own = ['--certs-dir', '.wott/certs', '--acl-file', '.wott/permission.acl']
  const gateway = await startGateway(['serve', ...own, ...FREE_PORTS], options)
  const { cwd } = options
  const url = `https://localhost:${gateway.ports.device}/topics/wott/temperature`
  async function curl(device: string, ...args: string[]): Promise<string> {
    const certs = join(cwd, '.wott/devices', device)
    const files = ['--cert', `${certs}/client.crt`, '--key', `${certs}/client.key`]
    const all = ['-sS', '--cacert', `${certs}/ca.crt`, ...files, ...args]
    return (await execute('curl', all)).stdout
  }
  return Object.assign(gateway, {
    publish: async (text: string) =>
      JSON.parse(await curl('sensor', '-d', text, `${url}?qos=1&retain=true`)),
    read: () => curl('subscriber', url),
    async stop() {
      gateway.process.kill('SIGTERM')
      await gateway.ended
    },
  })
}
