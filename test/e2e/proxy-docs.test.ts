import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { FREE_PORTS, PROGRAM, run, startGateway, temporaryFolder } from '../cli/program.ts'
import { blockWith, settingsIn } from '../support/docs.ts'

const execute = promisify(execFile)

it('the CA and the settings of docs/behind-a-proxy.md accept the proxy, and nobody else', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  assert.equal((await run(['init'], { cwd })).code, 0)
  const commands = await blockWith('behind-a-proxy.md', 'sh', 'proxy-ca\n')
  const program = `wott-gateway() { "${process.execPath}" "${PROGRAM}" "$@"; }`
  await execute('bash', ['-ec', `${program}\n${commands}`], { cwd })

  const env = settingsIn(await blockWith('behind-a-proxy.md', 'sh', 'WOTT_PROXY_CA_FILE'))
  assert.equal(env.WOTT_PROXY_LISTEN, '127.0.0.1:8445')
  const own = ['--certs-dir', '.wott/certs', '--acl-file', '.wott/permission.acl']
  await using gateway = await startGateway(
    ['serve', ...own, ...FREE_PORTS, '--proxy-listen', '127.0.0.1:0'],
    { cwd, env },
  )
  const [, port] = /:(\d+)"/.exec(await gateway.line(/"door":"proxy".*"listening"/)) ?? []
  const certificate = await readFile(join(cwd, '.wott/devices/sensor/client.crt'), 'utf8')
  const publish = async (certs: string) => {
    const { stdout } = await execute(
      'curl',
      [
        ...['-sS', '--cacert', '.wott/ca/ca.crt'],
        ...['--cert', `${certs}/client.crt`, '--key', `${certs}/client.key`],
        ...['-H', `X-SSL-Client-Cert: ${encodeURIComponent(certificate)}`],
        ...['-H', 'X-SSL-Client-Verify: SUCCESS', '-d', '21.5'],
        `https://localhost:${port}/topics/wott/temperature`,
      ],
      { cwd },
    )
    return JSON.parse(stdout)
  }
  assert.equal((await publish('proxy-ca/devices/proxy')).message, 'OK')
  assert.equal((await publish('.wott/devices/sensor')).code, 'request_invalid')
})
