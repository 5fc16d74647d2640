import assert from 'node:assert/strict'
import { open, rm } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { run as runAny } from '../support/clients.ts'
import { until } from '../support/until.ts'
import {
  type Folder,
  FREE_PORTS,
  listening,
  PROGRAM,
  type Running,
  startAny,
  temporaryFolder,
} from './program.ts'

const SERVE = `serve --certs-dir .wott/certs --acl-file .wott/permission.acl --broker file:data --viewers-file viewers.json ${FREE_PORTS.join(' ')}`

describe('a disk that fills up while the gateway runs', () => {
  let outside: Folder
  let gateway: Running
  /** The folder of the gateway, on a small disk that only its processes see. */
  let folder: string
  let cookie: string
  before(async () => {
    outside = await temporaryFolder()
    const script = `
      mount -t tmpfs -o size=4m tmpfs "${outside.path}" && cd "${outside.path}"
      wott-gateway() { "${process.execPath}" "${PROGRAM}" "$@"; }
      wott-gateway init > init.log && wott-gateway viewer invite alice --file viewers.json 2> /dev/null
      exec "${process.execPath}" "${PROGRAM}" ${SERVE}`
    const program = startAny('unshare', ['--map-root-user', '--mount', 'bash', '-c', script])
    gateway = await listening(program)
    folder = `/proc/${gateway.process.pid}/root${outside.path}`
    const [, code = ''] = /#invite=([\w-]+)/.exec(await gateway.line(/#invite=/)) ?? []
    const answer = await ask('viewer', '/session', '-i', '--json', JSON.stringify({ code }))
    cookie = /^set-cookie: ([^;]+)/m.exec(answer)?.[1] ?? assert.fail(answer)
  })
  after(async () => {
    await gateway[Symbol.asyncDispose]()
    await outside[Symbol.asyncDispose]()
  })

  /** The answer to a request of the sensor, or of a viewer on the viewer door. */
  async function ask(door: 'device' | 'viewer', path: string, ...args: string[]): Promise<string> {
    const own = `${folder}/.wott/devices/sensor/client`
    const who =
      door === 'device'
        ? ['--cert', `${own}.crt`, '--key', `${own}.key`]
        : ['-H', `cookie: ${cookie}`]
    const url = `https://localhost:${gateway.ports[door]}${path}`
    const ca = ['--cacert', `${folder}/.wott/ca/ca.crt`]
    return (await runAny('curl', ['-sS', '--http1.1', ...ca, ...who, ...args, url])).stdout
  }
  const STATUS = ['-o', '/dev/null', '-w', '%{http_code}']
  const publish = (qos: 0 | 1) =>
    ask('device', `/topics/wott/temperature?qos=${qos}`, '-d', '21.5', ...STATUS)

  async function fill(): Promise<void> {
    await using zeros = await open(`${folder}/zeros`, 'w')
    const page = Buffer.alloc(4096)
    await assert.rejects(async () => {
      for (;;) await zeros.write(page)
    }, /ENOSPC/)
  }

  it('makes the gateway refuse QoS 1 while it cannot store the message, also without subscribers', async () => {
    assert.equal(await publish(1), '200')
    await fill()
    assert.equal(await publish(1), '503')
    assert.equal(await publish(0), '200')
    const health = await fetch(`http://127.0.0.1:${gateway.ports.ops}/readyz`)
    assert.match(await health.text(), /disk is full/)
    await rm(`${folder}/zeros`)
    assert.equal(await publish(1), '200')
  })

  it('lets a viewer log out at once, with an error, and stores that later', async () => {
    const session = () => ask('viewer', '/session', ...STATUS)
    assert.equal(await session(), '200')
    await fill()
    const answer = await ask('viewer', '/session', '-i', '-X', 'DELETE')
    assert.match(answer, /^HTTP\/1\.1 503 /)
    assert.match(answer, /^set-cookie: __Host-wott-session=;/m)
    assert.match(answer, /session_not_stored.*You are logged out, but .*disk .* is full/)
    assert.equal(await session(), '401')
    const list = ['viewer', 'list', '--file', `${folder}/viewers.json`, '--json']
    const listed = async () => (await runAny(process.execPath, [PROGRAM, ...list])).stdout
    assert.match(await listed(), /logged in/)
    await rm(`${folder}/zeros`)
    await until(listed, (text) => !/logged in/.test(text))
    assert.equal(await session(), '401')
  })
})
