import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { validate } from 'dockerfile-utils'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { containers, inContainer, readCompose } from './containers.ts'
import { DOCKERFILE, quote, ROOT, readDockerfile } from './dockerfile.ts'

const execute = promisify(execFile)

/** The commands that the docs run with `docker compose exec SERVICE`. */
async function commandsFor(service: string): Promise<string[]> {
  const files = ['docker-compose.yml', 'docs/deploying.md', 'docs/viewers.md', 'README.md']
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')))
  const pattern = new RegExp(`docker compose exec ${service} ([^\n\`]+)`, 'g')
  const commands = texts.flatMap((text) => [...text.matchAll(pattern)].map(([, said = '']) => said))
  return [...new Set(commands)]
}

test('the Dockerfile has no finding of a linter', async () => {
  const problems = validate(await readFile(DOCKERFILE, 'utf8'))
  assert.deepEqual(problems, [])
})

test('the labels of the image match package.json', async () => {
  const { labels } = await readDockerfile()
  const { name, version, description, license } = JSON.parse(
    await readFile(join(ROOT, 'package.json'), 'utf8'),
  )
  const label = (key: string) => labels[`org.opencontainers.image.${key}`] ?? ''
  assert.deepEqual([label('title'), label('version'), label('licenses')], [name, version, license])
  assert.equal(label('description'), description)
  const bases = (await readFile(DOCKERFILE, 'utf8')).matchAll(/^FROM (\S+)/gm)
  for (const [, base] of bases) assert.equal(label('base.name'), `docker.io/library/${base}`)
})

test('the image builds, and its gateway and sensor run as another user on a read-only tree, from a checkout of umask 077', async () => {
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

  await inGateway(
    'curl',
    '-ksS',
    '--fail',
    '-o',
    '/dev/null',
    'https://localhost:9443/openapi.json',
  )
  const { stdout: metrics } = await inGateway('curl', '-sS', 'http://127.0.0.1:9464/metrics')
  assert.match(
    metrics,
    /^wott_reading\{device="sensor.d.wott.local",topic="wott\/temperature"\} \d+$/m,
  )
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
  assert.match(await readFile(`/proc/${pid}/maps`, 'utf8'), /libjemalloc/)
  assert.match(
    await readFile(`/proc/${pid}/environ`, 'utf8'),
    /\0MALLOC_CONF=background_thread:true,/,
  )
  await assert.rejects(inGateway('touch', '/opt/wott-gateway/dist/new'), /Read-only file system/)
  await assert.rejects(inGateway('ls', '/opt/wott-gateway/node_modules'), /No such file/)
  await inGateway('ls', '/opt/wott-gateway/LICENSE')
  // what V8 compiled of serve while the image was built
  await inGateway(
    'ls',
    `/opt/wott-gateway/cache/wott-gateway/serve-${process.version}-${process.arch}`,
  )

  const exec = async (command: string) => {
    const shell = `root=/; ${inContainer(image, services.gateway)} sh -c ${quote(command)}`
    return (await inGateway('bash', '-c', shell)).stdout
  }
  const told = await commandsFor('gateway')
  assert.equal(told.length, 2)
  for (const command of told) await exec(command)
  assert.match(await exec('wott-gateway viewer list'), /^viewer\tinvited/)
  assert.match(await exec('wott-gateway device list --dir /site'), /^kitchen\.d\.wott\.local/m)

  process.kill(pid, 'SIGTERM')
  assert.equal(await program.line(/^gateway ended with/), 'gateway ended with 0')
})
