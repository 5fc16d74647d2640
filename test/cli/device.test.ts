import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  appendFile,
  chmod,
  chown,
  cp,
  mkdtemp,
  readdir,
  readFile,
  rename,
  stat,
} from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { layoutOf } from '../../src/ca/layout.ts'
import {
  type Folder,
  FREE_PORTS,
  NOBODY,
  type Options,
  ROOT_ONLY,
  type Running,
  run,
  runEach,
  startAny,
  startGateway,
  temporaryFolder,
} from './program.ts'

let folder: Folder
let cwd: string
before(async () => {
  folder = await temporaryFolder()
  cwd = folder.path
  await chmod(cwd, 0o755)
})
after(() => folder[Symbol.asyncDispose]())

async function folderOf(uid: number): Promise<string> {
  const path = await mkdtemp(join(cwd, 'of-'))
  await chown(path, uid, uid)
  return path
}

async function succeeds(args: string[], options: Options = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, { cwd, ...options })
  // the rights of a new device are printed for people on standard error
  const isSaid = args[0] === 'device' && args[1] === 'add'
  assert.deepEqual([code, isSaid ? '' : stderr], [0, ''])
  return stdout
}

describe('init', () => {
  it('prints what it made, and a command that runs the gateway', async () => {
    const directory = "my site's"
    const lines = (
      await succeeds(['init', directory, '--name', 'gw.example', '--name', '192.0.2.7'])
    )
      .trim()
      .split('\n')
    assert.deepEqual(
      lines.slice(0, -2),
      ['ca', 'certs', 'devices/sensor', 'devices/subscriber', 'permission.acl', '.gitignore'].map(
        (name) => `made ${directory}/${name}`,
      ),
    )
    assert.equal(lines.at(-2), 'other machines can reach the gateway as gw.example')
    const certificate = new X509Certificate(
      await readFile(join(cwd, directory, 'certs/client.crt')),
    )
    assert.match(certificate.subjectAltName ?? '', /DNS:gw\.example, .*IP Address:192\.0\.2\.7/)

    const command = lines.at(-1)?.replace('run it with: wott-gateway ', '') ?? ''
    const script = `set -- ${command}; printf '%s\\n' "$@"`
    const words = String((await startAny('bash', ['-c', script], { cwd }).ended).stdout)
    await using gateway = await startGateway(
      [...words.trim().split('\n'), ...FREE_PORTS, '--broker', 'memory:'],
      { cwd },
    )
    assert.ok(gateway.ports.device > 0)
  })

  it('uses the same list of viewers as viewer invite', async () => {
    const path = await mkdtemp(join(cwd, 'viewers-'))
    const said = await succeeds(['init'], { cwd: path })
    const { stderr } = await run(['viewer', 'invite', 'alice'], { cwd: path })
    const [, file] = /^wott-gateway: created (\S+):/.exec(stderr) ?? []
    assert.match(said, new RegExp(` --viewers-file ${file}\n$`))
  })

  it('keeps existing files', async () => {
    await succeeds(['init', 'twice'])
    const before = await readFile(join(cwd, 'twice/certs/client.crt'))
    assert.match(
      await succeeds(['init', 'twice']),
      /^twice is complete; nothing was changed\nrun it with: /,
    )
    assert.deepEqual(await readFile(join(cwd, 'twice/certs/client.crt')), before)
  })

  it('only renews the certificate of the gateway when it lacks a name', async () => {
    await succeeds(['init', 'named', '--name', 'gw.example'])
    const read = async (path: string) => readFile(join(cwd, 'named', path), 'utf8')
    const kept = ['ca/ca.crt', 'ca/crl.pem', 'certs/client.key', 'devices/sensor/client.crt']
    const before = await Promise.all(kept.map(read))
    const known = ['--name', 'GW.example', '--name', '::1']
    assert.match(await succeeds(['init', 'named', ...known]), /^named is complete; nothing was/)

    const { subjectAltName } = new X509Certificate(await read('certs/client.crt'))
    const more = ['--name', '192.0.2.7', '--name', 'gw.example', '--name', 'other.example']
    assert.match(
      await succeeds(['init', 'named', ...more]),
      /^issued named\/certs\/client\.crt again, now also for 192\.0\.2\.7, other\.example\nrun it with: /,
    )
    const anew = new X509Certificate(await read('certs/client.crt'))
    assert.equal(anew.subjectAltName, `${subjectAltName}, IP Address:192.0.2.7, DNS:other.example`)
    assert.ok(anew.checkPrivateKey(createPrivateKey(await read('certs/client.key'))))
    assert.ok((await read('ca/issued.ndjson')).includes(anew.serialNumber))
    assert.deepEqual(await Promise.all(kept.map(read)), before)
    assert.match(await succeeds(['init', 'named', ...more]), /^named is complete; nothing was/)
  })

  it('does not replace a certificate of another CA', async () => {
    await succeeds(['init', 'one'])
    await succeeds(['init', 'another'])
    await cp(join(cwd, 'another/certs'), join(cwd, 'one/certs'), { recursive: true })
    const { code, stderr } = await run(['init', 'one', '--name', 'gw.example'], { cwd })
    assert.match(
      stderr,
      /^wott-gateway: one\/certs\/client\.crt was not issued by the CA in one: .*\n$/,
    )
    assert.equal(code, 2)
  })

  it('refuses an invalid name, exit code 2', async () => {
    const { code, stderr } = await run(['init', 'wrong', '--name', 'a b'], { cwd })
    assert.equal(stderr, 'wott-gateway: "a b" is neither a host name nor an IP address\n')
    assert.equal(code, 2)
  })
})

describe('device', () => {
  let gateway: Running
  before(async () => {
    gateway = await startGateway(['dev', ...FREE_PORTS, '--broker', 'memory:'], { cwd })
  })
  after(() => gateway[Symbol.asyncDispose]())

  it('is added with the files of the WoTT agent', async () => {
    assert.equal(
      await succeeds(['device', 'add', 'kitchen', '--days', '7']),
      'kitchen.d.wott.local\t.wott/devices/kitchen\n',
    )
    const certs = join(cwd, '.wott/devices/kitchen')
    const files = ['ca.crt', 'client.crt', 'client.key', 'combined.pem']
    assert.deepEqual((await readdir(certs)).sort(), files)
    assert.equal(await succeeds(['whoami', certs]), 'kitchen.d.wott.local\n')
    const { validToDate } = new X509Certificate(await readFile(join(certs, 'client.crt')))
    assert.ok(Math.abs(validToDate.getTime() - Date.now() - 7 * 86_400_000) < 3_600_000)
  })

  it('gets a random name without NAME', async () => {
    assert.match(
      await succeeds(['device', 'add']),
      /^([\da-f]{12})\.d\.wott\.local\t\.wott\/devices\/\1\n$/,
    )
  })

  it('is listed', async () => {
    assert.match(
      await succeeds(['device', 'list']),
      /^sensor\.d\.wott\.local\tactive until \S+Z\tissued \S+Z by init\nsubscriber\.d\.\S+\tactive until \S+Z\t.*\nkitchen\.d\..* by add\n/,
    )
    const [first] = (await succeeds(['device', 'list', '--json', '--dir', '.wott'])).split('\n')
    const { notAfter, serial, renewed, ...rest } = JSON.parse(first ?? '')
    assert.deepEqual(rest, {
      id: 'sensor.d.wott.local',
      name: 'sensor',
      state: 'active',
      directory: '.wott/devices/sensor',
      via: 'init',
      revokedAt: null,
      reason: null,
      lastSeen: null,
    })
    assert.ok(Date.parse(renewed) <= Date.now())
    assert.ok(Date.parse(notAfter) > Date.now())
    assert.match(serial, /^[\dA-F]+$/)
  })

  it('is revoked in a running gateway', async () => {
    const args = ['pub', 'wott/temperature', '1', '--port', String(gateway.ports.device)]
    await succeeds(args)
    const seen = gateway.lines.length
    assert.match(
      await succeeds(['device', 'revoke', 'sensor']),
      /^revoked sensor\.d\.wott\.local \([\dA-F]+\)\n$/,
    )
    await gateway.line(/certificate files loaded/, seen)
    const { code, stderr } = await run(args, { cwd })
    assert.match(stderr, /^wott-gateway: refused: .* \(certificate_revoked\)\n$/)
    assert.equal(code, 1)
    assert.equal(
      await succeeds(['device', 'revoke', 'sensor.d.wott.local']),
      'sensor.d.wott.local is already revoked\n',
    )
    assert.match(
      await succeeds(['device', 'list']),
      /^sensor\.d\.wott\.local\trevoked \S+Z \(privilegeWithdrawn\)\t/,
    )
  })

  it('is renewed while the old certificate stays valid', async () => {
    const certs = '.wott/devices/hall'
    await succeeds(['device', 'add', 'hall', '--days', '7'])
    await cp(join(cwd, certs), join(cwd, 'hall'), { recursive: true })
    const before = new X509Certificate(await readFile(join(cwd, 'hall/client.crt')))
    assert.equal(
      await succeeds(['device', 'renew', 'hall', '--days', '30']),
      'hall.d.wott.local\t.wott/devices/hall\n',
    )
    const now = new X509Certificate(await readFile(join(cwd, certs, 'client.crt')))
    assert.equal(now.subject, before.subject)
    assert.notEqual(now.serialNumber, before.serialNumber)
    assert.ok(now.validToDate > before.validToDate)
    const key = await readFile(join(cwd, certs, 'client.key'))
    assert.ok(now.checkPrivateKey(createPrivateKey(key)))
    assert.ok(!before.checkPrivateKey(createPrivateKey(key)))

    const earlier = gateway.lines.length
    await appendFile(
      join(cwd, '.wott/permission.acl'),
      'user hall.d.wott.local\ntopic write hall\n',
    )
    await gateway.line(/access control file loaded/, earlier)
    const pub = ['pub', 'hall', '1', '--port', String(gateway.ports.device), '--certs']
    for (const device of ['hall', certs]) await succeeds([...pub, device])
    const seen = gateway.lines.length
    assert.equal(
      await succeeds(['device', 'revoke', 'hall']),
      `revoked hall.d.wott.local (${before.serialNumber}, ${now.serialNumber})\n`,
    )
    await gateway.line(/certificate files loaded/, seen)
    for (const device of ['hall', certs])
      assert.match((await run([...pub, device], { cwd })).stderr, /\(certificate_revoked\)\n$/)
  })

  it('has its new files also after a crash during its renewal', async () => {
    const { devices } = layoutOf(join(cwd, '.wott'))
    await succeeds(['device', 'add', 'attic'])
    await cp(join(devices, 'attic'), join(cwd, 'attic'), { recursive: true })
    await succeeds(['device', 'renew', 'attic'])
    const renewed = await readFile(join(devices, 'attic/client.crt'))
    await rename(join(devices, 'attic'), join(devices, '.new-attic'))
    await rename(join(cwd, 'attic'), join(devices, 'attic'))
    await succeeds(['device', 'add', 'cellar'])
    assert.deepEqual(await readFile(join(devices, 'attic/client.crt')), renewed)
    assert.ok(!(await readdir(devices)).includes('.new-attic'))
  })

  it('belongs to the owner of its folder when root adds it', ROOT_ONLY, async () => {
    const path = await folderOf(NOBODY)
    await succeeds(['init', '.wott'], { cwd: path, uid: NOBODY })
    await succeeds(['device', 'add', 'kitchen'], { cwd: path })
    const owned = await readdir(path, { recursive: true })
    assert.ok(owned.includes('.wott/devices/kitchen/client.key'))
    for (const name of owned) assert.equal((await stat(join(path, name))).uid, NOBODY, name)
    await succeeds(['device', 'renew', 'kitchen'], { cwd: path, uid: NOBODY })
  })

  it('is named by whoami', async () => {
    const env = { WOTT_CERTS_DIR: '.wott/devices/subscriber' }
    assert.equal(await succeeds(['whoami']), 'sensor.d.wott.local\n')
    assert.equal(await succeeds(['whoami'], { env }), 'subscriber.d.wott.local\n')
    assert.equal(await succeeds(['whoami', '.wott/certs'], { env }), 'gateway.d.wott.local\n')
  })

  it(
    'is reported as unreadable, not as missing, where the user may not read the folder',
    ROOT_ONLY,
    async () => {
      const path = await folderOf(0)
      await chmod(path, 0o755)
      await succeeds(['init'], { cwd: path })
      const unread: [string[], string][] = [
        [['device', 'list'], '.wott/ca'],
        [['device', 'add', 'kitchen'], '.wott/ca'],
        [['acl', 'lint'], '.wott/permission.acl'],
        [['whoami'], '.wott/devices/sensor'],
        [['viewer', 'list'], '.wott/viewers.json'],
      ]
      for (const [args, what] of unread) {
        const { code, stderr } = await run(args, { cwd: path, uid: NOBODY })
        assert.ok(
          stderr.startsWith(`wott-gateway: this user has no permission to read ${what}: `),
          stderr,
        )
        assert.equal(code, 2)
      }
    },
  )

  const refused: [string[], string][] = [
    [['add', 'a/b'], '"a/b" cannot be the name of a device'],
    [['add', ''], '"" cannot be the name of a device'],
    [['add', 'subscriber'], 'subscriber.d.wott.local has a certificate until'],
    [['add', 'gateway'], 'gateway.d.wott.local is the gateway itself: choose another name'],
    [['add', 'x', '--days', '0'], '--days must be a whole number from 1 to 3650'],
    [['renew', 'nobody'], 'unknown device "nobody"; known devices: '],
    [['renew', 'gateway'], 'gateway.d.wott.local is the gateway itself'],
    [['renew', 'sensor'], 'sensor.d.wott.local is revoked: add it again'],
    [['renew', 'subscriber', '--days', '0'], '--days must be a whole number from 1 to 3650'],
    [['revoke', 'nobody'], 'unknown device "nobody"; known devices: '],
    [['revoke', 'hall', '--reason', 'keyCompromize'], '--reason must be one of keyCompromise, '],
    [['invite', 'a/b'], '"a/b" cannot be the name of a device'],
    [['invite', 'gateway'], 'gateway.d.wott.local is the gateway itself: choose another name'],
    [['invite', 'Subscriber'], 'there is already a device subscriber.d.wott.local: use'],
    [['invite', 'x', '--ttl', '8d'], '--ttl must be a time such as 30m, 12h or 7d, at most 7d'],
    [['invite', 'x', '--url', 'http://x'], '--url must be an address such as https://gateway'],
    [['approve', 'abc'], '"abc" is not the fingerprint of a key'],
    [['deny', 'abcdef01'], 'no key with the fingerprint abcdef01 is waiting'],
    [['list', '--dir', 'none'], 'there is no device CA in none: create one with'],
    [['list', '--dir', ''], '--dir must not be empty'],
  ]
  it('cannot be added, renewed, revoked or invited with wrong arguments, exit code 2', async () => {
    const lines = refused.map(([args]) => ['device', ...args])
    const ran = await runEach(lines, { cwd })
    for (const [n, { code, stdout, stderr }] of ran.entries()) {
      assert.ok(stderr.startsWith(`wott-gateway: ${refused[n]?.[1]}`), stderr)
      assert.deepEqual([code, stdout], [2, ''])
    }
  })
})
