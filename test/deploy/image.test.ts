import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { containers, readCompose } from './containers.ts'
import { DOCKERFILE, readDockerfile } from './dockerfile.ts'

const execute = promisify(execFile)

test('the Dockerfile has no fault that a linter knows', async () => {
  const problems = validate(await readFile(DOCKERFILE, 'utf8'))
  assert.deepEqual(problems, [])
})

test('the image builds, and its gateway and sensor run as another user on a read-only tree', async () => {
  await using folder = await temporaryFolder()
  const { services } = await readCompose()
  const image = await readDockerfile()
  assert.notEqual(image.user.split(':')[0], '0')
  const script = containers(image, folder.path, services)
  await using program = startAny('unshare', ['--mount', 'bash', '-c', script])

  const pid = Number((await program.line(/^gateway is \d+$/)).slice('gateway is '.length))
  const inGateway = (...command: string[]) =>
    execute('nsenter', ['--target', String(pid), '--net', '--root', '--wd=/', ...command])
  await program.line(/^gateway is healthy$/)
  await program.line(/^Sending temperature \d+$/)
  const second = program.lines.length
  await program.line(/^Sending temperature \d+$/, second)

  const { stdout: metrics } = await inGateway('curl', '-sS', 'http://127.0.0.1:9464/metrics')
  assert.match(
    metrics,
    /^wott_reading\{device="sensor.d.wott.local",topic="wott\/temperature"\} \d+$/m,
  )
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
  await assert.rejects(inGateway('touch', '/opt/wott-gateway/dist/new'), /Read-only file system/)
  await assert.rejects(inGateway('ls', '/opt/wott-gateway/node_modules/typescript'), /No such file/)

  process.kill(pid, 'SIGTERM')
  assert.equal(await program.line(/^gateway ended with/), 'gateway ended with 0')
})
