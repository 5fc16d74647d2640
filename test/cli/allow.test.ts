import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Folder, FREE_PORTS, run, startAny, startGateway, temporaryFolder } from './program.ts'

let folder: Folder
let cwd: string
let aclFile: string
before(async () => {
  folder = await temporaryFolder()
  cwd = folder.path
  aclFile = join(cwd, '.wott/permission.acl')
  assert.equal((await run(['init'], { cwd })).code, 0)
})
after(() => folder[Symbol.asyncDispose]())

describe('--allow', () => {
  it('writes the rules of a new device, and prints them with a command that works', async () => {
    await using gateway = await startGateway(['dev', ...FREE_PORTS], { cwd })
    const env = { WOTT_DEVICE_LISTEN: `:${gateway.ports.device}` }
    const args = ['device', 'add', 'kitchen', '--allow', 'kitchen/#', '--allow', 'read house/+']
    const { code, stdout, stderr } = await run(args, { cwd, env })
    assert.deepEqual([code, stdout], [0, 'kitchen.d.wott.local\t.wott/devices/kitchen\n'], stderr)
    assert.match(
      await readFile(aclFile, 'utf8'),
      /\n\n# added by "wott-gateway device add kitchen" on \d{4}-\d\d-\d\d\nuser kitchen\.d\.wott\.local\ntopic readwrite kitchen\/#\ntopic read house\/\+\n$/,
    )
    assert.match(
      stderr,
      /^wott-gateway: its certificate is valid until \S+Z\nRights in \.wott\/permission\.acl:\n {2}readwrite kitchen\/#\n {2}read house\/\+\nTry it:\n/,
    )
    const line = stderr.trim().split('\n').at(-1)?.trim() ?? ''
    assert.match(line, /^curl .* -d 21\.5 https:\/\/localhost:\d+\/topics\/kitchen\/temperature$/)
    await gateway.line(/access control file loaded/)
    const tried = await startAny('bash', ['-c', line], { cwd }).ended
    assert.match(String(tried.stdout), /"message":"OK"/)
  })

  it('writes the rules of an invited device and of a viewer', async () => {
    const device = await run(
      ['device', 'invite', 'porch', '--url', 'https://localhost:8444', '--allow', 'write porch/#'],
      { cwd },
    )
    assert.equal(device.code, 0)
    assert.match(device.stdout, /\nRights in \.wott\/permission\.acl:\n {2}write porch\/#\n/)
    const viewer = await run(['viewer', 'invite', 'alice', '--allow', 'house/#'], { cwd })
    assert.equal(viewer.code, 0)
    assert.match(
      viewer.stderr,
      /^wott-gateway: the link works once, until \S+Z; after that alice stays logged in for 12h\nRights in \.wott\/permission\.acl:\n {2}read house\/#\n$/,
    )
    const text = await readFile(aclFile, 'utf8')
    assert.match(text, /\nuser porch\.d\.wott\.local\ntopic write porch\/#\n/)
    assert.match(text, /\nuser alice\ntopic read house\/#\n/)
    const lint = await run(['acl', 'lint'], { cwd })
    assert.equal(lint.stdout, '.wott/permission.acl: no problems found\n')
  })

  it('creates no device and no viewer if the rule cannot be written', async () => {
    const viewers = () => readFile(join(cwd, '.wott/viewers.json'), 'utf8')
    const [before, text] = [await viewers(), await readFile(aclFile, 'utf8')]
    await writeFile(aclFile, `${text}topc a\n`)
    for (const args of [
      ['device', 'add', 'cellar', '--allow', 'a'],
      ['device', 'invite', 'cellar', '--url', 'https://localhost:8444', '--allow', 'a'],
      ['viewer', 'invite', 'bob', '--allow', 'a'],
    ]) {
      const { code, stderr } = await run(args, { cwd })
      assert.equal(code, 2)
      assert.match(stderr, /permission\.acl has errors, so nothing was added to it/)
    }
    await writeFile(aclFile, text)
    for (const args of [
      ['device', 'add', 'cellar', '--allow', 'a/#/b'],
      ['device', 'add', 'cellar', '--allow', 'deny a'],
      ['viewer', 'invite', 'bob', '--allow', 'write a'],
    ])
      assert.equal((await run(args, { cwd })).code, 2, args.join(' '))
    assert.deepEqual([await viewers(), await readFile(aclFile, 'utf8')], [before, text])
    assert.doesNotMatch((await run(['device', 'list'], { cwd })).stdout, /cellar/)
  })
})

describe('acl lint', () => {
  it('warns of users that are neither a device nor a viewer', async () => {
    await writeFile(
      join(cwd, 'other.acl'),
      'user sensor.d.wott.local\ntopic a\nuser alice\ntopic a\nuser bob\ntopic a\nuser attic.d.wott.local\ntopic a\n',
    )
    const lint = (...args: string[]) =>
      run(['acl', 'lint', '--acl-file', 'other.acl', ...args], { cwd })
    const { code, stdout } = await lint()
    assert.equal(code, 0)
    assert.deepEqual(stdout.split('\n').slice(0, -2), [
      'other.acl:5:6 warning: "bob" is neither a device nor a viewer of .wott and .wott/viewers.json (user_unknown)',
      'other.acl:7:6 warning: "attic.d.wott.local" is neither a device nor a viewer of .wott and .wott/viewers.json (user_unknown)',
    ])
    assert.equal((await lint('--devices', 'nowhere')).code, 2)
    await rm(join(cwd, 'other.acl'))
  })
})
