import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, open, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { initDirectory } from '../../src/ca/init.ts'
import { deviceFiles, type Layout } from '../../src/ca/layout.ts'
import {
  type Folder,
  FREE_PORTS,
  type Options,
  type Program,
  type Running,
  run,
  start,
  startGateway,
  temporaryFolder,
} from './program.ts'

const NOBODY = 65_534

let folder: Folder
let layout: Layout
let good: string[]
before(async () => {
  folder = await temporaryFolder()
  await chmod(folder.path, 0o755)
  ;({ layout } = await initDirectory(join(folder.path, '.wott')))
  good = [
    ...['--certs-dir', layout.certs.directory, '--crl-file', layout.authority.crl],
    ...['--acl-file', layout.acl, '--broker', 'memory:'],
  ]
})
after(() => folder[Symbol.asyncDispose]())

/** `good` with other values for some flags. */
function but(flags: Record<string, string>): string[] {
  const args = ['serve', ...good, ...FREE_PORTS]
  for (const [flag, value] of Object.entries(flags)) {
    const at = args.indexOf(flag)
    if (at === -1) args.push(flag, value)
    else args[at + 1] = value
  }
  return args
}

async function file(name: string, text: string | Buffer): Promise<string> {
  const path = join(folder.path, name)
  await writeFile(path, text)
  return path
}

describe('serve that cannot start says why, exit code 2', { concurrency: 2 }, () => {
  /** Exactly `message` on standard error, and nothing left running. */
  async function refuses(args: string[], message: string | RegExp, options: Options = {}) {
    const { code, stderr } = await run(args, { cwd: folder.path, ...options })
    if (typeof message === 'string') assert.equal(stderr, `${message}\n`)
    else assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n {4}at |Error:/)
    assert.equal(code, 2)
  }

  it('nothing is configured', () =>
    refuses(
      ['serve'],
      'wott-gateway: wrong settings:\n  WOTT_ACL_FILE is not set: name the Mosquitto acl_file that says who may do what (an empty file denies everything)',
    ))

  it('settings are wrong: all at once, by the name that was used', () =>
    refuses(
      ['serve', '--device-listen', 'nope', '--drain-seconds', '-1'],
      `wott-gateway: wrong settings:
  WOTT_ID_PATTERN must be a regular expression from "^" to "$", so that it speaks of the whole WoTT ID, not "a"
  --device-listen must be HOST:PORT, [IPV6]:PORT, :PORT or off, not "nope"
  WOTT_MAX_PAYLOAD must be a size from 1 to 64MiB, such as 1048576 or 1MiB, not "1TB"
  --drain-seconds must be a whole number from 0 to 3600, not "-1"
  WOTT_LOG_LEVEL must be one of error, warn, info, debug, not "loud"
  WOTT_ACL_FILE is not set: name the Mosquitto acl_file that says who may do what (an empty file denies everything)`,
      {
        env: {
          ...{ WOTT_ID_PATTERN: 'a', WOTT_MAX_PAYLOAD: '1TB', WOTT_LOG_LEVEL: 'loud' },
          // what docker compose makes of a variable that is not set
          ...{ WOTT_ACL_FILE: '', WOTT_MQTT_LISTEN: '' },
        },
      },
    ))

  it('a port is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    await refuses(
      but({ '--device-listen': `127.0.0.1:${port}` }),
      `wott-gateway: the device door cannot listen on 127.0.0.1:${port}: another program listens there already; stop it or choose another address with --device-listen HOST:PORT`,
    )
    server.close()
  })

  it('the certificate is missing', () =>
    refuses(
      but({ '--certs-dir': '/none' }),
      [
        'wott-gateway: /none/ca.crt: there is no such file; it should hold CA certificates',
        "wott-gateway: /none/client.crt: there is no such file; it should hold the gateway's certificate",
        "wott-gateway: /none/client.key: there is no such file; it should hold the gateway's private key",
        'wott-gateway: WOTT_CERTS_DIR names the folder; "wott-gateway init" makes one to try things with',
      ].join('\n'),
    ))

  it('the certificate is garbage', async () =>
    refuses(
      but({ '--cert-file': await file('garbage.crt', 'x\n\0y') }),
      `wott-gateway: ${folder.path}/garbage.crt: there is no PEM certificate in this file`,
    ))

  it('the key belongs to another certificate', () =>
    refuses(
      but({ '--key-file': deviceFiles(layout, 'sensor').key }),
      `wott-gateway: ${deviceFiles(layout, 'sensor').key}: this private key does not belong to the certificate in ${layout.certs.certificate}`,
    ))

  it('the key is encrypted', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cipher = { cipher: 'aes-256-cbc', passphrase: 'secret' }
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher })
    await refuses(
      but({ '--key-file': await file('locked.key', pem) }),
      /locked\.key: .*private key/,
    )
  })

  it('the revocation list is garbage', async () =>
    refuses(but({ '--crl-file': await file('garbage.crl', 'x') }), /garbage\.crl: /))

  it('the ACL file has errors: every line is named', async () => {
    const acl = await file('bad.acl', 'topik a\ntopic read a\ntopic raed b\nuser\n')
    await refuses(
      but({ '--acl-file': acl }),
      /^wott-gateway: \S+bad\.acl:1:1 .*\nwott-gateway: \S+bad\.acl:3:7 .*\nwott-gateway: \S+bad\.acl:4:5 .*\n$/,
    )
  })

  it('the ACL file is missing', () =>
    refuses(but({ '--acl-file': '/none.acl' }), /^wott-gateway: \/none\.acl cannot be read: .*\n$/))

  it('there is no broker in the folder that it names', async () =>
    refuses(
      but({ '--broker': `file:${await file('no-folder', '')}` }),
      /^wott-gateway: .*no-folder .*\n$/,
    ))

  it('a file may not be read', { skip: process.getuid?.() !== 0 && 'not root' }, async () => {
    const key = await file('mine.key', await readFile(layout.certs.key))
    await chmod(key, 0o600)
    const own = { '--cert-file': layout.certs.certificate, '--key-file': key }
    await promisify(execFile)('chmod', ['-R', 'a+rX', layout.directory])
    await refuses(
      but(own),
      `wott-gateway: ${key}: this user may not read it; it should hold the gateway's private key\nwott-gateway: WOTT_CERTS_DIR names the folder; "wott-gateway init" makes one to try things with`,
      { uid: NOBODY },
    )
  })

  it('.wott cannot be written', { skip: process.getuid?.() !== 0 && 'not root' }, async () => {
    const cwd = join(folder.path, 'not-mine')
    await mkdir(cwd)
    await refuses(['dev', ...FREE_PORTS], 'wott-gateway: .wott: permission denied (mkdir)', {
      cwd,
      uid: NOBODY,
    })
  })
})

describe('dev with a .wott that is not what it was', { concurrency: 2 }, () => {
  const damaged: [string, (layout: Layout) => string, RegExp][] = [
    ['certificate', ({ certs }) => certs.certificate, /\.wott|client\.crt/],
    ['key', ({ certs }) => certs.key, /certs\/client\.key/],
    ['authority', ({ authority }) => authority.certificate, /\.wott/],
    ['ledger', ({ authority }) => authority.ledger, /issued\.ndjson/],
    ['revocation list', ({ authority }) => authority.crl, /crl\.pem|\.wott/],
    ['ACL file', ({ acl }) => acl, /permission\.acl:1:1/],
  ]
  for (const [what, fileOf, message] of damaged)
    it(`says so: ${what}`, async () => {
      const cwd = join(folder.path, `damaged ${what}`)
      const made = await initDirectory(join(cwd, '.wott'))
      await writeFile(fileOf(made.layout), 'garbage\n')
      const { code, stderr } = await run(['dev', ...FREE_PORTS, '--broker', 'memory:'], { cwd })
      assert.match(stderr, message)
      assert.match(stderr, /^wott-gateway: .*\n$/)
      assert.equal(code, 2)
    })
})

describe('serve that runs', () => {
  let gateway: Running

  before(async () => {
    gateway = await startGateway(
      [
        ...but({}).filter(
          (arg, n, all) =>
            !/^--(device|ops)-listen/.test(all[n - 1] ?? arg) &&
            !/^--(device|ops)-listen/.test(arg),
        ),
        '--ops-listen',
        '127.0.0.1:0',
      ],
      {
        cwd: folder.path,
        env: {
          ...{ WOTT_DEVICE_LISTEN: '127.0.0.1:0', WOTT_OPS_LISTEN: 'nonsense' },
          ...{ WOTT_LOG_LEVEL: '', WOTT_ACL_FIEL: 'x' },
        },
      },
    )
  })
  after(() => gateway[Symbol.asyncDispose]())

  it('takes settings from flags, then variables, then defaults', async () => {
    for (const port of Object.values(gateway.ports)) assert.ok(port > 0)
    const line = JSON.parse(await gateway.line(/none of ours/))
    assert.deepEqual(
      [line.level, line.variable, line.meant],
      ['warn', 'WOTT_ACL_FIEL', 'WOTT_ACL_FILE'],
    )
  })

  it('reads its files again on SIGHUP', async () => {
    gateway.process.kill('SIGHUP')
    await gateway.line(/access control file loaded/)
    await gateway.line(/certificate files loaded/)
  })

  it('ends on SIGTERM at once, whoever is connected', async () => {
    const { ca, certificate, key } = deviceFiles(layout, 'subscriber')
    const [caPem, cert, keyPem] = await Promise.all(
      [ca, certificate, key].map((path) => readFile(path)),
    )
    const socket = connect({
      ...{ host: '127.0.0.1', port: gateway.ports.device, servername: 'localhost' },
      ...({ ca: caPem, cert, key: keyPem } as { ca: Buffer; cert: Buffer; key: Buffer }),
    })
    socket.write('GET /stream?filter=wott/temperature HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(socket, 'data')
    const sent = performance.now()
    gateway.process.kill('SIGTERM')
    const { code, stderr } = await gateway.ended
    assert.ok(performance.now() - sent < 1500)
    assert.deepEqual([code, stderr], [0, ''])
    await gateway.line(/"signal":"SIGTERM".*"stopping"/)
    await gateway.line(/"stopped"/)
  })
})

describe('serve and signals', { concurrency: 2 }, () => {
  /** Resolves once the process listens for SIGHUP, which it does last; SIGTERM and SIGINT Node catches itself. */
  async function listensForSignals({ process: { pid } }: Program): Promise<void> {
    for (;;) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8')
      const caught = BigInt(`0x${/SigCgt:\s+(\w+)/.exec(status)?.[1]}`)
      if (caught & 1n) return
    }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`ends on ${signal} while it starts`, async () => {
      await using program = start(but({}))
      await listensForSignals(program)
      program.process.kill(signal)
      const { code, stderr } = await program.ended
      assert.deepEqual([code, stderr], [0, ''])
    })

  it('survives a SIGHUP while it starts', async () => {
    await using program = start(but({}))
    await listensForSignals(program)
    program.process.kill('SIGHUP')
    await program.line(/"door":"device".*"listening"/)
    program.process.kill('SIGINT')
    assert.equal((await program.ended).code, 0)
  })

  it('ends even when a file system does not answer', async () => {
    const fifo = join(folder.path, 'stuck.crt')
    await promisify(execFile)('mkfifo', [fifo])
    await using program = start(but({ '--cert-file': fifo }))
    // open as soon as the gateway reads, and never written to
    await using _writer = await open(fifo, 'w')
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).signal, 'SIGTERM')
  })

  it('is killed by a second signal while it waits for what is in flight', async () => {
    await using program = await startGateway(but({}))
    const { ca, certificate, key } = deviceFiles(layout, 'sensor')
    const [caPem, cert, keyPem] = await Promise.all(
      [ca, certificate, key].map((path) => readFile(path)),
    )
    const socket = connect({
      ...{ host: '127.0.0.1', port: program.ports.device, servername: 'localhost' },
      ...({ ca: caPem, cert, key: keyPem } as { ca: Buffer; cert: Buffer; key: Buffer }),
    }).on('error', () => {})
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

  it('goes on when nobody reads its log any more', async () => {
    await using program = await startGateway(but({}))
    program.process.stdout?.destroy()
    program.process.kill('SIGHUP')
    const answer = await fetch(`http://127.0.0.1:${program.ports.ops}/livez`)
    assert.equal(answer.status, 200)
    program.process.kill('SIGTERM')
    const { code, stderr } = await program.ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})
