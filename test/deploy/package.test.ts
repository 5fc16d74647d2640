import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, readdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { FREE_PORTS, startAny, temporaryFolder } from '../cli/program.ts'
import { createSite } from '../cli/site.ts'
import { startSandbox } from '../lambda/sandbox.ts'
import { invoke, startSurroundings } from '../lambda/site.ts'
import { openBrowser, visit } from '../support/browser.ts'
import { blockWith } from '../support/docs.ts'
import { until } from '../support/until.ts'
import { ROOT } from './dockerfile.ts'

const execute = promisify(execFile)
const LICENSES = [
  'LICENSE',
  'dist/third-party-licenses.txt',
  'dist/dashboard/swagger-ui.LICENSE.txt',
  'dist/dashboard/uplot.LICENSE.txt',
]

const packed = await temporaryFolder()
after(() => packed[Symbol.asyncDispose]())
const { stdout } = await execute('npm', ['pack', '--json', '--pack-destination', packed.path], {
  cwd: ROOT,
})
const [{ filename, files }] = JSON.parse(stdout)
const tarball = join(packed.path, filename)

test('npx runs the packed package in an empty folder: a reading in, a metric out', async () => {
  await using empty = await temporaryFolder()
  const paths: string[] = files.map(({ path }: { path: string }) => path)
  for (const path of ['README.md', 'CHANGELOG.md', 'dist/main.js', ...LICENSES])
    assert.ok(paths.includes(path), path)
  const script = files.find(({ path }: { path: string }) => path === 'deploy/device/wott-device')
  assert.equal(script.mode & 0o111, 0o111)
  assert.deepEqual(
    paths.filter((path) => /^(src|test|bench)\/|\.ts$|^deploy\/try$/.test(path)),
    [],
  )

  const npx = ['exec', '--yes', `--package=${tarball}`, '--', 'wott-gateway']
  await using program = startAny('npm', [...npx, 'dev', ...FREE_PORTS], { cwd: empty.path })
  const port = async (door: string) => {
    const line = await program.line(new RegExp(`"door":"${door}".*"listening"`))
    return /:(\d+)"/.exec(line)?.[1]
  }
  const [device, viewer, ops] = await Promise.all([port('device'), port('viewer'), port('ops')])
  await program.line(/curl .*-d 21\.5/)
  const certs = join(empty.path, '.wott/devices/sensor')
  const answer = await execute('curl', [
    ...['-sS', '--cacert', `${certs}/ca.crt`, '--cert', `${certs}/client.crt`],
    ...['--key', `${certs}/client.key`, '-d', '21.5'],
    `https://localhost:${device}/topics/wott/temperature`,
  ])
  assert.equal(JSON.parse(answer.stdout).message, 'OK')
  for (const page of ['', 'docs', 'openapi.json', 'asyncapi.json', 'assets/swagger-ui-bundle.js'])
    await execute('curl', [
      ...['-sS', '--fail', '--output', '/dev/null', '--cacert', `${certs}/ca.crt`],
      `https://localhost:${viewer}/${page}`,
    ])
  const metrics = await execute('curl', ['-sS', `http://127.0.0.1:${ops}/metrics`])
  assert.match(metrics.stdout, /^wott_reading\{.*\} 21\.5$/m)
  const [link = ''] = /https:\S+#invite=\S+/.exec(await program.line(/#invite=/)) ?? []
  const certificate = await readFile(join(empty.path, '.wott/certs/client.crt'), 'utf8')
  await showsReading(certificate, link)
  assert.deepEqual(await readdir(empty.path), ['.wott'])
})

/** Follows the link to the dashboard, whose scripts of the package are one file. */
async function showsReading(certificate: string, link: string): Promise<void> {
  await using browser = await openBrowser(certificate)
  await using window = await visit(browser, 'about:blank')
  const { page, problems } = window
  const scripts: string[] = []
  page.on('request', (request) => {
    if (request.resourceType() === 'script') scripts.push(new URL(request.url()).pathname)
  })
  await page.goto(link)
  await page.locator('#topics').getByText('21.5').first().waitFor()
  assert.deepEqual([scripts, problems], [['/assets/main.js'], []])
}

test('the package needs no other package: all of its files load alone', async () => {
  await execute('tar', ['xf', tarball, '-C', packed.path])
  const { dependencies } = JSON.parse(
    await readFile(join(packed.path, 'package/package.json'), 'utf8'),
  )
  assert.equal(dependencies, undefined)
  const dist = join(packed.path, 'package/dist')
  // the thread of the store runs only as a thread
  const loads = (await readdir(dist)).filter((name) => /(?<!^sqlite-worker)\.js$/.test(name))
  const script = loads.map((name) => `await import('./${name}')`).join('\n')
  await execute(process.execPath, ['--input-type=module', '--eval', script], { cwd: dist })
})

test('serve keeps what V8 has compiled, and the next start uses it', async () => {
  await execute('tar', ['xf', tarball, '-C', packed.path])
  const home = join(packed.path, 'package')
  await using site = await createSite()
  const cache = join(site.path, 'cache')
  const program = [join(home, 'bin/wott-gateway.js'), ...site.serveBut({})]
  await using gateway = startAny(process.execPath, program, { env: { NODE_COMPILE_CACHE: cache } })
  await gateway.line(/"door":"device".*"listening"/)
  const keptIn = () =>
    readdir(cache).then((names) => names.some((name) => /^serve-[^.]+\.\d+\.\d+-\w+$/.test(name)))
  await until(keptIn, (isKept) => isKept)
  const script = `import { loadCompiled } from './dist/compiled.cjs'
    console.log(loadCompiled(process.argv[2], process.argv[1]).isCompiled)`
  const args = ['--input-type=module', '--eval', script, cache, join(home, 'dist/serve.cjs')]
  const { stdout } = await execute(process.execPath, args, { cwd: home })
  assert.equal(stdout, 'true\n')
})

test('the package lists the packages inside it, as package-lock.json has them, with their licences', async () => {
  await execute('tar', ['xf', tarball, '-C', packed.path])
  const read = (path: string) => readFile(join(packed.path, 'package', path), 'utf8')
  const { components } = JSON.parse(await read('dist/third-party.cdx.json'))
  const licenses = await read('dist/third-party-licenses.txt')
  const { packages } = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8'))
  const locked = Object.entries<{ version: string }>(packages).map(
    ([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`,
  )
  const inside = components.map(({ name, version }: Record<string, string>) => `${name} ${version}`)
  for (const one of ['fastify', 'pino', 'mqtt', 'ws', '@peculiar/x509'])
    assert.ok(
      inside.some((each: string) => each.startsWith(`${one} `)),
      one,
    )
  for (const each of inside) {
    assert.ok(locked.includes(each), each)
    assert.ok(licenses.includes(`\n${each} (`) || licenses.startsWith(`${each} (`), each)
  }
})

test('a function imports the packed package in the folder of docs/serverless.md: a reading in, another out', async () => {
  await using folder = await temporaryFolder()
  const checkout = join(folder.path, 'checkout')
  await mkdir(checkout)
  await symlink(join(ROOT, 'deploy'), join(checkout, 'deploy'))
  await copyFile(tarball, join(checkout, filename))
  const [install, tryOut] = await commandsOfDocs()
  await execute('sh', ['-ec', install], { cwd: checkout })
  await using around = await startSurroundings()
  const { environment, sensor, aclFile, pki } = around
  const cwd = join(folder.path, 'wott-function/function')
  for (const [from = '', to] of [
    [aclFile, 'permission.acl'],
    [sensor.caFile, 'certs/ca.crt'],
    [pki.crlFile, 'certs/crl.pem'],
    [environment.WOTT_BROKER_CA_FILE, 'certs/broker-ca.crt'],
    [environment.WOTT_BROKER_CERT_FILE, 'certs/client.crt'],
    [environment.WOTT_BROKER_KEY_FILE, 'certs/client.key'],
  ] as const)
    await copyFile(from, join(cwd, to))
  const script = tryOut
    .replace('mqtts://broker.example.com:8883', environment.WOTT_BROKER ?? '')
    .replace('SENSOR/client.crt', sensor.certFile)
  const { stdout: tried } = await execute('sh', ['-ec', script], {
    cwd: checkout,
    env: { PATH: `${dirname(process.execPath)}:${process.env.PATH}` },
  })
  assert.match(tried, /^200 \{"message":"OK"/m)

  const module = join(cwd, 'index.mjs')
  await using sandbox = await startSandbox({ module, cwd, environment })
  const query = 'qos=1&retain=true'
  const path = '/topics/wott/temperature'
  const published = await invoke(sandbox, 'rest', sensor, { path, query })
  assert.equal(published.json.message, 'OK')
  const read = await invoke(sandbox, 'http-2.0', sensor, { method: 'GET', path, query: '' })
  assert.equal(read.body.toString(), '21.5')
})

/** The commands of the page that fill the folder of a function (without packing), and that try it. */
async function commandsOfDocs(): Promise<[install: string, tryOut: string]> {
  const install = await blockWith('serverless.md', 'sh', 'npm pack')
  const tryOut = await blockWith('serverless.md', 'sh', 'try.mjs SENSOR')
  assert.match(install, /^npm ci && npm pack\n/)
  return [install.replace(/^.*\n/, ''), tryOut]
}
