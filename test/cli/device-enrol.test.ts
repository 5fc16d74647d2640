import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createAuthority } from '../../src/ca/authority.ts'
import { GATEWAY_ID } from '../../src/ca/device-id.ts'
import { initDirectory } from '../../src/ca/init.ts'
import { issue } from '../../src/ca/issue.ts'
import { EMPTY_BOOK, formatEnrolBook, type WaitingKey } from '../../src/enrol/book.ts'
import { type Folder, type Options, run, runEach, temporaryFolder } from './program.ts'

let folder: Folder
let cwd: string
before(async () => {
  folder = await temporaryFolder()
  cwd = folder.path
  await succeeds(['init', '--name', 'gw.example'])
})
after(() => folder[Symbol.asyncDispose]())

async function succeeds(args: string[], options: Options = {}): Promise<string> {
  const { code, stdout, stderr } = await run(args, { cwd, ...options })
  assert.deepEqual([code, stderr], [0, ''])
  return stdout
}

async function initialised(dir: string): Promise<string> {
  await initDirectory(join(cwd, dir), { names: ['gw.example'] })
  return dir
}

async function fingerprintOfCa(): Promise<string> {
  const { raw } = new X509Certificate(await readFile(join(cwd, '.wott/ca/ca.crt')))
  return createHash('sha256').update(raw).digest('hex')
}

describe('device invite', () => {
  it('refuses a name that differs from an invited one only in case', async () => {
    const dir = await initialised('spelling')
    await succeeds(['device', 'invite', 'Case', '--dir', dir])
    const { code, stderr } = await run(['device', 'invite', 'case', '--dir', dir], { cwd })
    assert.equal(code, 2)
    assert.match(stderr, /there is already a device Case\.d\.wott\.local: use that spelling/)
  })

  it('prints the command for the device, the name, the expiry, and the rights of the device', async () => {
    const [title, line = '', name, ...rights] = (
      await succeeds(['device', 'invite', 'kitchen', '--ttl', '30m'])
    ).split('\n')
    assert.equal(title, 'Run this once on the device:')
    const ca = await fingerprintOfCa()
    assert.match(
      line,
      new RegExp(
        `^ {2}wott-device enrol https://gw\\.example:8444 kitchen\\.d\\.wott\\.local [a-z2-7]{26} ${ca}$`,
      ),
    )
    const [, until = ''] =
      /^The command works until (\S+Z)\. The device becomes kitchen\.d\.wott\.local\.$/.exec(
        name ?? '',
      ) ?? []
    assert.ok(Math.abs(Date.parse(until) - Date.now() - 30 * 60_000) < 60_000)
    assert.deepEqual(rights, [
      'Rights in .wott/permission.acl: none yet. Add lines such as:',
      ...['', '  user kitchen.d.wott.local', '  topic readwrite kitchen/#', ''],
    ])

    // the lines it suggests are valid, and are shown as rights once they are added
    await appendFile(join(cwd, '.wott/permission.acl'), rights.slice(1).join('\n'))
    await succeeds(['acl', 'lint'])
    assert.match(
      await succeeds(['device', 'invite', 'kitchen']),
      /Rights in \.wott\/permission\.acl:\n {2}readwrite kitchen\/#\n$/,
    )
  })

  it('prints the same as JSON', async () => {
    const env = { WOTT_ACL_FILE: 'other.acl', WOTT_ENROL_LISTEN: '[::]:18444' }
    await writeFile(join(cwd, 'other.acl'), 'pattern write devices/%u/#\n')
    const invite = async (...more: string[]) =>
      JSON.parse(await succeeds(['device', 'invite', 'hall', '--json', ...more], { env }))
    const { token, ca, expires, ...rest } = await invite()
    const id = 'hall.d.wott.local'
    assert.deepEqual(rest, {
      id,
      url: 'https://gw.example:18444',
      command: `wott-device enrol https://gw.example:18444 ${id} ${token} ${ca}`,
      aclFile: 'other.acl',
      may: [{ access: 'write', topic: `devices/${id}/#` }],
      problem: null,
      active: false,
    })
    assert.ok(Math.abs(Date.parse(expires) - Date.now() - 3_600_000) < 60_000)
    const elsewhere = await invite('--url', 'https://192.0.2.7:443')
    assert.match(elsewhere.command, /^wott-device enrol https:\/\/192\.0\.2\.7 /)
    assert.notEqual(elsewhere.token, token)
    const book = await readFile(join(cwd, '.wott/enrol/book.json'), 'utf8')
    assert.ok(!book.includes(token))
  })

  it('warns of a URL whose host is not in the gateway’s certificate', async () => {
    const unknown = [
      ['other.example', 'https://other.example:8444'],
      ['192.0.2.77', 'https://192.0.2.77:8444'],
      ['2001:db8::7', 'https://[2001:db8::7]:8444'],
    ] as const
    const known = ['https://gw.example:1', 'https://localhost:28444', 'https://[::1]:28444']
    const urls = [...unknown.map(([, url]) => url), ...known]
    const invites = urls.map((url) => ['device', 'invite', 'hall', '--url', url])
    for (const [n, { code, stdout }] of (await runEach(invites, { cwd })).entries()) {
      assert.equal(code, 0)
      const [, host] = /\nThe gateway's certificate does not contain (\S+), so /.exec(stdout) ?? []
      assert.equal(host, unknown[n]?.[0], `${urls[n]}`)
    }
  })

  it('allows the name of an active device, with a note', async () => {
    assert.match(
      await succeeds(['device', 'invite', 'sensor']),
      /\nWarning: the name sensor\.d\.wott\.local already belongs to an active device\. /,
    )
    const { active } = JSON.parse(await succeeds(['device', 'invite', 'sensor', '--json']))
    assert.equal(active, true)
    await succeeds(['device', 'revoke', 'sensor', '--dir', await initialised('gone')])
    assert.doesNotMatch(
      await succeeds(['device', 'invite', 'sensor', '--dir', 'gone']),
      /already belongs to an active device/,
    )
  })

  it('works while the ACL file cannot be read, with a note', async () => {
    for (const [text, problem] of [
      ['nonsense x\n', 'it has errors'],
      [null, 'no such file'],
    ] as const) {
      const file = join(cwd, 'bad.acl')
      if (text === null) await rm(file)
      else await writeFile(file, text)
      const said = await succeeds(['device', 'invite', 'hall'], { env: { WOTT_ACL_FILE: file } })
      assert.ok(said.includes(`Its rights are not known: ${file}: ${problem}`), said)
    }
  })

  it('makes an invite that is listed and can be withdrawn', async () => {
    await succeeds(['device', 'invite', 'attic'])
    assert.match(await succeeds(['device', 'list']), /^attic\.d\.wott\.local\tinvited until \S+Z$/m)
    assert.equal(
      await succeeds(['device', 'revoke', 'attic']),
      'withdrew the invite or approval of attic.d.wott.local\n',
    )
    assert.doesNotMatch(await succeeds(['device', 'list']), /attic/)
    assert.match(await readFile(join(cwd, '.wott/ca/issued.ndjson'), 'utf8'), /"withdrawn"/)
  })

  it('is refused if no other machine can reach the gateway', async () => {
    const path = join(cwd, await initialised('inside'))
    // as an older init made it, without such names
    const old = await issue(await createAuthority(), {
      commonName: GATEWAY_ID,
      names: [GATEWAY_ID, 'localhost', '127.0.0.1', '::1'],
      days: 1,
    })
    await writeFile(join(path, 'certs/client.crt'), old.certificate)
    const { code, stderr } = await run(['device', 'invite', 'x', '--dir', path], { cwd })
    assert.match(stderr, /has no name or address that other machines can use: add one with/)
    assert.equal(code, 2)
  })
})

const key = (digit: string, wanted: string | null, address: string): WaitingKey => ({
  key: digit.repeat(64),
  wanted,
  address,
  since: Date.now() - 60_000,
  state: { kind: 'waiting' },
})

async function wait(...keys: WaitingKey[]): Promise<void> {
  await mkdir(join(cwd, '.wott/enrol'), { recursive: true })
  await writeFile(join(cwd, '.wott/enrol/book.json'), formatEnrolBook({ ...EMPTY_BOOK, keys }))
}

describe('a key that waits', () => {
  it('is listed without control characters in its name', async () => {
    await wait(key('a', '\x1b[2Jpump', '192.0.2.9'), key('b', null, '192.0.2.8'))
    assert.match(
      await succeeds(['device', 'waiting']),
      /^a{64}\t"\\u001b\[2Jpump"\tfrom 192\.0\.2\.9\tsince \S+Z\nb{64}\tany name\tfrom 192\.0\.2\.8\tsince \S+Z\n$/,
    )
    const [first = ''] = (await succeeds(['device', 'waiting', '--json'])).split('\n')
    const { since, ...rest } = JSON.parse(first)
    assert.deepEqual(rest, {
      fingerprint: 'a'.repeat(64),
      name: '\x1b[2Jpump',
      address: '192.0.2.9',
      active: false,
    })
    assert.ok(Date.parse(since) < Date.now())
    assert.match(await succeeds(['device', 'list']), /^"\\u001b\[2Jpump"\twaiting since/m)
  })

  it('is not approved by mistake for the name of an active device', async () => {
    await wait(key('f', 'sensor.d.wott.local', '192.0.2.9'), key('9', null, '192.0.2.9'))
    assert.match(
      await succeeds(['device', 'waiting']),
      /^f{64}\t"sensor\.d\.wott\.local"\t.*Z\tthe name belongs to an active device\n9{64}\tany name\t.*Z\n$/,
    )
    const { stdout } = await run(['device', 'waiting', '--json'], { cwd })
    assert.equal(JSON.parse(stdout.split('\n')[0] ?? '').active, true)
    for (const args of [['ffffffff'], ['99999999', 'sensor']]) {
      const { code, stderr } = await run(['device', 'approve', ...args], { cwd })
      assert.match(
        stderr,
        /^wott-gateway: the name sensor\.d\.wott\.local already belongs to an active device\. With --replace /,
      )
      assert.equal(code, 2)
    }
    assert.match(
      await succeeds(['device', 'approve', 'ffffffff', '--replace']),
      /^approved as sensor\.d\.wott\.local: /,
    )
  })

  it('is approved or denied by its fingerprint', async () => {
    await wait(
      key('c', 'cellar.d.wott.local', '192.0.2.9'),
      key('d', null, '192.0.2.8'),
      key('e', null, '192.0.2.8'),
    )
    assert.equal(
      await succeeds(['device', 'approve', 'CC:CC:CC:CC']),
      'approved as cellar.d.wott.local: the device gets its certificate when it asks again\n',
    )
    assert.match(
      await succeeds(['device', 'approve', 'd'.repeat(64), 'roof']),
      /^approved as roof\.d\.wott\.local: /,
    )
    assert.equal(await succeeds(['device', 'deny', 'eeeeeeee']), `denied ${'e'.repeat(64)}\n`)
    assert.equal(await succeeds(['device', 'waiting']), '')
    assert.match(
      await succeeds(['device', 'list']),
      /^cellar\.d\.wott\.local\tapproved, asked \S+Z\tkey c{64}\nroof\.d\.wott\.local\tapproved/m,
    )
    assert.equal(
      await succeeds(['device', 'revoke', 'roof']),
      'withdrew the invite or approval of roof.d.wott.local\n',
    )
    const ledger = await readFile(join(cwd, '.wott/ca/issued.ndjson'), 'utf8')
    for (const event of ['approved', 'denied', 'withdrawn'])
      assert.match(ledger, new RegExp(`"event":"${event}"`))
  })
})

describe('a key that was approved or denied', () => {
  it('can be decided again, and the earlier decision is printed', async () => {
    await wait(key('1', 'porch.d.wott.local', '192.0.2.9'))
    const refused = async (action: string, message: RegExp) => {
      const { code, stderr } = await run(['device', action, '11111111'], { cwd })
      assert.match(stderr, message)
      assert.equal(code, 2)
    }
    await succeeds(['device', 'approve', '11111111'])
    await refused(
      'approve',
      /^wott-gateway: key 1{64} is already approved as porch\.d\.wott\.local\n$/,
    )
    assert.match(
      await succeeds(['device', 'deny', '11111111']),
      /^denied 1{64}\nits approval as porch\.d\.wott\.local is withdrawn; /,
    )
    assert.doesNotMatch(await succeeds(['device', 'list']), /porch/)
    await refused('deny', /^wott-gateway: key 1{64} is already denied, until \d{4}-\S+Z\n$/)
    await succeeds(['device', 'approve', '11111111'])
    assert.match(await succeeds(['device', 'list']), /^porch\.d\.wott\.local\tapproved/m)
  })
})

describe('ca', () => {
  it('shows the CAs in force, and replaces the CA', async () => {
    const dir = await initialised('rotated')
    assert.match(
      await succeeds(['ca', 'status', dir]),
      /^WoTT device CA\tthe only CA\tuntil \S+Z\t2 devices\t[\da-f]{64}\n$/,
    )
    const [, fingerprint] =
      /^added a second CA: ([\da-f]{64})\n/.exec(await succeeds(['ca', 'rotate', dir])) ?? []
    const { authorities, leftBehind } = JSON.parse(await succeeds(['ca', 'status', dir, '--json']))
    assert.equal(authorities[1].fingerprint, fingerprint)
    assert.deepEqual(
      authorities.map((one: { role: string; devices: number }) => [one.role, one.devices]),
      [
        ['leaving', 2],
        ['new', 0],
      ],
    )
    assert.equal(leftBehind.length, 2)
    assert.match(
      await succeeds(['ca', 'status', dir]),
      /\nsubscriber\.d\.wott\.local\thas only a certificate of the old CA\n$/,
    )
    const refused = await run(['ca', 'rotate', '--finish', dir], { cwd })
    assert.match(
      refused.stderr,
      /^wott-gateway: 2 active devices could no longer connect:\n {2}sensor/,
    )
    assert.equal(refused.code, 2)
    await succeeds(['device', 'renew', 'sensor', '--dir', dir])
    for (let times = 0; times < 2; times += 1)
      await succeeds(['device', 'invite', 'attic', '--url', 'https://gw.example', '--dir', dir])
    assert.equal(
      await succeeds(['ca', 'rotate', '--finish', '--force', dir]),
      'the old CA is removed and its key is deleted\nsubscriber.d.wott.local\tlocked out\nattic.d.wott.local\tits invite names the old CA and is no longer valid: invite it again\n',
    )
    assert.doesNotMatch(await succeeds(['ca', 'rotate', '--finish', dir]), /attic/)
    assert.match(
      await succeeds(['ca', 'status', dir]),
      /^WoTT device CA 2\tthe only CA\t.*\t1 devices/,
    )
    assert.match(
      await succeeds(['device', 'list', '--dir', dir]),
      /^sensor.*\tactive until .*\nsubscriber.*\tuntrusted: its CA has been removed\t/,
    )
    const wrong = await run(['ca', 'rotate', '--force', dir], { cwd })
    assert.match(wrong.stderr, /^wott-gateway: --force needs --finish\n/)
  })
})
