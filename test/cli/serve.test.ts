import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { deviceFiles } from '../../src/ca/layout.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'
import { PROGRAM, type Program, type Running, start, startAny, startGateway } from './program.ts'
import { createSite, type Site } from './site.ts'

let site: Site
before(async () => {
  site = await createSite()
})
after(() => site[Symbol.asyncDispose]())

/** Connects a device to the device door. */
async function connectAs(name: string, { ports }: Running): Promise<TLSSocket> {
  const { ca, certificate, key } = deviceFiles(site.layout, name)
  const read = (path: string) => readFile(path)
  return connect({
    host: '127.0.0.1',
    port: ports.device,
    servername: 'localhost',
    ca: await read(ca),
    cert: await read(certificate),
    key: await read(key),
  }).on('error', () => {})
}

describe('serve', () => {
  let gateway: Running

  before(async () => {
    const args = site.serveBut({})
    args.splice(args.indexOf('--device-listen'), 2)
    gateway = await startGateway(args, {
      env: {
        WOTT_DEVICE_LISTEN: '127.0.0.1:0',
        WOTT_OPS_LISTEN: 'nonsense',
        WOTT_LOG_LEVEL: '',
        WOTT_ACL_FIEL: 'x',
        WOTT_XYZ: 'x',
      },
    })
  })
  after(() => gateway[Symbol.asyncDispose]())

  it('reads settings from flags, then variables, then defaults', async () => {
    for (const port of Object.values(gateway.ports)) assert.ok(port > 0)
    const suspect = async (variable: string) => {
      const line = await gateway.line(new RegExp(`"${variable}".*unknown environment variable`))
      const { level, meant } = JSON.parse(line)
      return [level, meant]
    }
    assert.deepEqual(await suspect('WOTT_ACL_FIEL'), ['warn', 'WOTT_ACL_FILE'])
    assert.deepEqual(await suspect('WOTT_XYZ'), ['warn', undefined])
  })

  it('reads its files again on SIGHUP', async () => {
    gateway.process.kill('SIGHUP')
    await gateway.line(/access control file loaded/)
    await gateway.line(/certificate files loaded/)
  })

  it('ends on SIGTERM at once, also with clients connected', async () => {
    const socket = await connectAs('subscriber', gateway)
    socket.write('GET /stream?filter=wott/temperature HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    const sent = performance.now()
    gateway.process.kill('SIGTERM')
    const { code, stderr } = await gateway.ended
    // less than the drain time of 8 seconds
    assert.ok(performance.now() - sent < 5_000)
    assert.deepEqual([code, stderr], [0, ''])
    await gateway.line(/"signal":"SIGTERM".*"stopping"/)
    await gateway.line(/"stopped"/)
  })
})

describe('serve and signals', { concurrency: 2 }, () => {
  /** Resolves once the process handles SIGHUP, the last of its signals; Node itself catches SIGTERM and SIGINT. */
  async function listensForSignals({ process: { pid } }: Program): Promise<void> {
    for (;;) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      const caught = BigInt(`0x${/SigCgt:\s+(\w+)/.exec(status)?.[1]}`)
      if (caught & 1n) return
    }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`ends on ${signal} while it starts`, async () => {
      await using program = start(site.serveBut({}))
      await listensForSignals(program)
      program.process.kill(signal)
      const { code, stderr } = await program.ended
      assert.deepEqual([code, stderr], [0, ''])
    })

  it('survives a SIGHUP while it starts', async () => {
    await using program = start(site.serveBut({}))
    await listensForSignals(program)
    program.process.kill('SIGHUP')
    await program.line(/"door":"device".*"listening"/)
    program.process.kill('SIGINT')
    assert.equal((await program.ended).code, 0)
  })

  it('ends also when a file system does not answer', async () => {
    const fifo = join(site.path, 'stuck.crt')
    await promisify(execFile)('mkfifo', [fifo])
    await using program = start(site.serveBut({ '--cert-file': fifo }))
    // a pipe that opens when the gateway reads it, and is never written to
    await using _writer = await open(fifo, 'w')
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).signal, 'SIGTERM')
  })

  it('is killed by a second signal while it waits for requests in flight', async () => {
    await using program = await startGateway(site.serveBut({}))
    const socket = await connectAs('sensor', program)
    socket.write(
      'POST /topics/wott/temperature HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    )
    await once(socket, 'data')
    socket.write('12')
    program.process.kill('SIGTERM')
    await program.line(/"stopping"/)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).signal, 'SIGTERM')
  })

  it('continues when its log cannot be written', async () => {
    const port = await freePort()
    const args = site.serveBut({ '--ops-listen': `127.0.0.1:${port}` })
    await using program = startAny('bash', [
      ...['-c', 'exec "$0" "$@" > /dev/full', process.execPath, PROGRAM, ...args],
    ])
    const ready = () =>
      fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      )
    await until(ready, (isReady) => isReady || program.process.exitCode !== null)
    assert.equal(program.process.exitCode, null)
    program.process.kill('SIGTERM')
    assert.deepEqual([(await program.ended).code, (await program.ended).stderr], [0, ''])
  })

  it('continues when its log is closed', async () => {
    await using program = await startGateway(site.serveBut({}))
    program.process.stdout?.destroy()
    program.process.kill('SIGHUP')
    const answer = await fetch(`http://127.0.0.1:${program.ports.ops}/livez`)
    assert.equal(answer.status, 200)
    program.process.kill('SIGTERM')
    const { code, stderr } = await program.ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})
