import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, rm, symlink } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { basename, join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { layoutOf } from '../../src/ca/layout.ts'
import { thingsToTry } from '../../src/cli/things-to-try.ts'
import type { Gateway } from '../../src/gateway.ts'
import {
  type Folder,
  FREE_PORTS,
  lastingPorts,
  PROGRAM,
  type Program,
  type Running,
  run,
  samePorts,
  startAny,
  startGateway,
  temporaryFolder,
} from './program.ts'

/** The folder of the tested package. */
const ROOT = resolve(PROGRAM, '../..')
const CHECKOUT = resolve(import.meta.dirname, '../..')

let folder: Folder
let cwd: string
let gateway: Running
let printed: Map<string, string>

before(async () => {
  folder = await temporaryFolder()
  cwd = folder.path
  // for the lines with "npx wott-gateway"
  for (const path of [
    join(ROOT, 'package.json'),
    join(ROOT, 'bin'),
    join(CHECKOUT, 'node_modules'),
  ])
    await symlink(path, join(cwd, basename(path)))
  gateway = await startGateway(['dev', ...(await lastingPorts())], { cwd })
  printed = await linesToTry(gateway)
})
after(async () => {
  await gateway[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

/** The command lines that `dev` prints, by their titles. */
async function linesToTry(program: Program): Promise<Map<string, string>> {
  await program.line(/\/metrics$/)
  const { lines } = program
  return new Map(
    lines.flatMap((line, n) => (line.startsWith('  ') ? [[lines[n - 1] ?? '', line.trim()]] : [])),
  )
}

function paste(title: string): Program {
  const line = printed.get(title)
  assert.ok(line, title)
  // stdbuf, as some programs write to a pipe only when their buffer is full
  return startAny('bash', ['-c', `exec stdbuf -oL ${line}`], { cwd })
}

const LISTENING = /"door":"enrol","address":"127\.0\.0\.1:(\d+)".*"listening"/

/** The process that listens on a port; NaN for none. */
async function listenerOn(port: string): Promise<number> {
  const { stdout } = await startAny('ss', ['-Htlnp', 'sport', '=', `:${port}`]).ended
  return Number(/pid=(\d+)/.exec(String(stdout))?.[1])
}

async function portOf(program: Program, from = 0): Promise<string> {
  return LISTENING.exec(await program.line(LISTENING, from))?.[1] ?? ''
}

describe('the lines that dev prints', () => {
  it('have these titles', () => {
    assert.deepEqual(
      [...printed.keys()],
      [
        'Publish a temperature:',
        'Follow it over HTTPS:',
        'Follow it over MQTT:',
        'Publish a random temperature every two seconds:',
        'In a browser (the link works once):',
        'Enrol another device:',
        'Metrics and health:',
      ],
    )
  })

  it('work when they are pasted', async () => {
    await using https = paste('Follow it over HTTPS:')
    await using mqtt = paste('Follow it over MQTT:')
    await using sensor = paste('Publish a random temperature every two seconds:')
    await sensor.line(/^Sending temperature \d+$/)
    await Promise.all([https.line(/"device":"sensor\.d/), mqtt.line(/^wott\/temperature \d+$/)])
    const from = mqtt.lines.length
    const { code, stdout } = await paste('Publish a temperature:').ended
    assert.match(String(stdout), /"message":"OK"/)
    assert.equal(code, 0)
    await Promise.all([
      https.line(/"payload":"21\.5"/),
      mqtt.line(/^wott\/temperature 21\.5$/, from),
    ])
    const metrics = await paste('Metrics and health:').ended
    assert.match(String(metrics.stdout), /^wott_reading\{.*\} \d/m)
  })

  it('include a link that opens the dashboard in a browser', async () => {
    const url = printed.get('In a browser (the link works once):') as string
    const args = [
      '-sS',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--cacert',
      '.wott/ca/ca.crt',
      url,
    ]
    const { stdout } = await startAny('curl', args, { cwd }).ended
    assert.equal(String(stdout), '200')
  })
})

describe('dev', () => {
  it('reports what it made, and makes it once', async () => {
    assert.match(gateway.lines[0] ?? '', /^made \.wott\/ca, \.wott\/certs, .*permission\.acl/)
    const certificate = await readFile(join(cwd, '.wott/certs/client.crt'))
    const enrolPort = await portOf(gateway)
    gateway.process.kill('SIGINT')
    // the outputs are closed once both processes have ended
    const { code, stderr } = await gateway.ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(await listenerOn(enrolPort), Number.NaN)
    gateway = await startGateway(['dev', ...samePorts(gateway)], { cwd })
    const again = await linesToTry(gateway)
    // every start makes a new invite
    const link = 'In a browser (the link works once):'
    assert.notEqual(again.get(link), printed.get(link))
    assert.deepEqual(new Map([...again, [link, printed.get(link) ?? '']]), printed)
    assert.ok(!gateway.lines.some((line) => line.startsWith('made')))
    assert.deepEqual(await readFile(join(cwd, '.wott/certs/client.crt')), certificate)
  })

  it('makes no invite when it cannot start', async () => {
    const invited = () => readFile(join(cwd, '.wott/viewers.json'), 'utf8')
    const before = await invited()
    const second = await run(['dev', ...samePorts(gateway), '--broker', 'memory:'], { cwd })
    assert.equal(second.code, 2)
    assert.equal(await invited(), before)
  })

  it('prints no line for a closed door or a deleted device, and starts no closed enrol door', async () => {
    const sensor = join(cwd, '.wott/devices/sensor')
    assert.equal((await run(['device', 'revoke', 'sensor'], { cwd })).code, 0)
    await rm(sensor, { recursive: true })
    const doors = [
      '--enrol-listen',
      'off',
      '--device-listen',
      '127.0.0.1:0',
      '--mqtt-listen',
      'off',
      '--viewer-listen',
      'off',
    ]
    await using program = startAny(
      process.execPath,
      [PROGRAM, 'dev', ...doors, '--ops-listen', ':0', '--broker', 'memory:'],
      { cwd },
    )
    const lines = await linesToTry(program)
    assert.deepEqual([...lines.keys()], ['Follow it over HTTPS:', 'Metrics and health:'])
    assert.ok(!program.lines.some((line) => line.includes('"enrol')))
    assert.match(lines.get('Metrics and health:') ?? '', /^curl http:\/\/localhost:\d+\/metrics$/)
  })

  it('prints all flags that a line needs with unusual settings', async () => {
    const env = { WOTT_CERTS_DIR: '/elsewhere' }
    await using other = await startGateway(['dev', ...FREE_PORTS, '--broker', 'memory:'], {
      cwd: join(cwd, '.wott'),
      env,
    })
    assert.equal(
      (await linesToTry(other)).get('Publish a random temperature every two seconds:'),
      `npx wott-gateway simulate --certs .wott/devices/sensor --port ${other.ports.device}`,
    )
  })

  it('prints the address of the enrol door if it is unusual', () => {
    const command = 'npx wott-gateway device invite NAME'
    assert.equal(printed.get('Enrol another device:'), command)
    for (const [host, port, line] of [
      ['127.0.0.1', 0, command],
      ['127.0.0.1', 28_444, `${command} --url https://localhost:28444`],
      ['::', 28_444, `WOTT_ENROL_LISTEN=:28444 ${command}`],
      ['::', 8444, command],
    ] as const) {
      const lines = thingsToTry({ doors: {} } as Gateway, layoutOf(cwd), '', { host, port })
      assert.equal(lines, `Enrol another device:\n  ${line}`)
    }
  })

  it('makes nothing when a setting is wrong', async () => {
    await using empty = await temporaryFolder()
    const { code, stderr } = await run(['dev', '--max-payload', 'x'], { cwd: empty.path })
    assert.match(stderr, /^wott-gateway: wrong settings:\n {2}--max-payload must be .*\n$/)
    assert.equal(code, 2)
    assert.match(
      (await run(['device', 'list'], { cwd: empty.path })).stderr,
      /there is no device CA/,
    )
  })

  it('continues when its output is closed', async () => {
    await using program = await startGateway(['dev', ...FREE_PORTS, '--broker', 'memory:'], {
      cwd: join(cwd, '.wott'),
      env: { WOTT_LOG_LEVEL: 'info' },
    })
    program.process.stdout?.destroy()
    program.process.kill('SIGHUP')
    program.process.kill('SIGTERM')
    const { code, stderr } = await program.ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})

describe('the enrol door of dev', () => {
  it('finishes its requests after Ctrl-C, which a terminal sends to every process', async () => {
    const site = join(cwd, '.wott')
    await using program = await startGateway(['dev', ...FREE_PORTS, '--broker', 'memory:'], {
      cwd: site,
      env: { WOTT_LOG_LEVEL: 'info' },
    })
    const sent = request({
      method: 'POST',
      host: 'localhost',
      port: await portOf(program),
      path: '/.well-known/est/simpleenroll',
      ca: await readFile(join(site, '.wott/ca/ca.crt')),
      headers: { 'content-length': 2, expect: '100-continue' },
    })
    sent.flushHeaders()
    await once(sent, 'continue')
    process.kill(-(program.process.pid ?? 0), 'SIGINT')
    const first = await program.line(/"msg":"stopping"/)
    await program.line(/"msg":"stop/, program.lines.indexOf(first) + 1)
    sent.end('no')
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    answer.resume()
    assert.equal(answer.statusCode, 400)
    const { code, stdout, stderr } = await program.ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(String(stdout).match(/"msg":"stopped"/g)?.length, 2)
    assert.doesNotMatch(String(stdout), /"level":"error"/)
  })

  it('is a separate process that is restarted when it ends', async () => {
    const from = gateway.lines.length
    const pid = await listenerOn(await portOf(gateway))
    assert.notEqual(pid, gateway.process.pid)
    process.kill(pid, 'SIGKILL')
    await gateway.line(/"signal":"SIGKILL".*the enrol process has ended; restarting it/, from)
    assert.notEqual(await listenerOn(await portOf(gateway, from)), pid)
  })

  it('ends when dev is killed', async () => {
    const last = gateway.lines.findLast((line) => LISTENING.test(line)) ?? ''
    const port = LISTENING.exec(last)?.[1] ?? ''
    assert.ok((await listenerOn(port)) > 0)
    gateway.process.kill('SIGKILL')
    // the outputs are closed once both processes have ended
    await gateway.ended
    assert.equal(await listenerOn(port), Number.NaN)
  })
})
