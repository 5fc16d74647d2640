import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import {
  type Folder,
  NOBODY,
  type Options,
  PROGRAM,
  ROOT_ONLY,
  run,
  startAny,
  temporaryFolder,
} from './program.ts'

const LINK = /^https:\/\/localhost:9443\/#invite=\S+\n$/

let folder: Folder
before(async () => {
  folder = await temporaryFolder()
  await chmod(folder.path, 0o755)
})
after(() => folder[Symbol.asyncDispose]())

/** A new folder that belongs to this user. */
async function folderOf(name: string, uid: number): Promise<string> {
  const path = join(folder.path, name)
  await mkdir(path)
  await chown(path, uid, uid)
  return path
}

const owner = async (path: string) => (await stat(path)).uid
const viewer = (args: string[], options: Options = {}) => run(['viewer', ...args], options)

describe('the list of viewers', () => {
  it('keeps its owner when root changes it', ROOT_ONLY, async () => {
    const file = join(await folderOf('theirs', NOBODY), 'viewers.json')
    await viewer(['invite', 'alice', '--file', file], { uid: NOBODY })
    for (const args of [
      ['invite', 'bob'],
      ['revoke', 'bob'],
    ])
      assert.equal((await viewer([...args, '--file', file])).code, 0)
    assert.deepEqual([await owner(file), (await stat(file)).gid], [NOBODY, NOBODY])
    const { stdout } = await viewer(['list', '--file', file], { uid: NOBODY })
    assert.match(stdout, /^alice\tinvited\t\S+\n$/)
  })

  it(
    'belongs to the owner of its folder when root makes it, and so does its lock',
    ROOT_ONLY,
    async () => {
      const path = await folderOf('new', NOBODY)
      const file = join(path, 'viewers.json')
      assert.equal((await viewer(['invite', 'alice', '--file', file])).code, 0)
      for (const name of await readdir(path)) assert.equal(await owner(join(path, name)), NOBODY)
      const { code } = await viewer(['invite', 'bob', '--file', file], { uid: NOBODY })
      assert.equal(code, 0)
    },
  )

  it('cannot be replaced by another user', ROOT_ONLY, async () => {
    const path = await folderOf('mine', 0)
    await chmod(path, 0o777)
    const file = join(path, 'viewers.json')
    await viewer(['invite', 'alice', '--file', file])
    await chmod(file, 0o644)
    await chown(`${file}.lock`, NOBODY, NOBODY)
    const before = await readFile(file)
    const { code, stderr } = await viewer(['invite', 'bob', '--file', file], { uid: NOBODY })
    assert.equal(
      stderr,
      `wott-gateway: ${file} belongs to user 0: run this command as that user, or change the owner\n`,
    )
    assert.equal(code, 2)
    assert.deepEqual(await readFile(file), before)
    assert.deepEqual((await readdir(path)).sort(), ['viewers.json', 'viewers.json.lock'])
  })

  it(
    'cannot be changed by root without CAP_CHOWN, which would change its owner',
    ROOT_ONLY,
    async () => {
      const path = await folderOf('kept', NOBODY)
      const file = join(path, 'viewers.json')
      await viewer(['invite', 'alice', '--file', file], { uid: NOBODY })
      const before = await readFile(file)
      const powerless = ['--bounding-set', '-chown', process.execPath, PROGRAM]
      const invite = ['viewer', 'invite', 'bob', '--file', file]
      const { code, stderr } = await startAny('setpriv', [...powerless, ...invite]).ended
      assert.match(
        stderr,
        /^wott-gateway: \S+ cannot be given to user 65534 .*: run this command as that user\n$/,
      )
      assert.equal(code, 2)
      assert.deepEqual(await readFile(file), before)
      assert.deepEqual((await readdir(path)).sort(), ['viewers.json', 'viewers.json.lock'])
    },
  )

  it(
    'is reported as unreadable, without advice to move it, where the user may not read it',
    ROOT_ONLY,
    async () => {
      const file = join(await folderOf('closed', 0), 'viewers.json')
      await viewer(['invite', 'alice', '--file', file])
      const { code, stderr } = await viewer(['list', '--file', file], { uid: NOBODY })
      assert.match(
        stderr,
        /^wott-gateway: this user has no permission to read \S+viewers\.json: .*\n$/,
      )
      assert.equal(code, 2)
    },
  )

  it('is reported once when it is new', async () => {
    const file = join(folder.path, 'first.json')
    const first = await viewer(['invite', 'alice', '--file', file])
    const isNew = `wott-gateway: created ${file}: the link works only with a gateway whose WOTT_VIEWERS_FILE is this file\n`
    assert.ok(first.stderr.startsWith(isNew), first.stderr)
    assert.match(first.stdout, LINK)
    const second = await viewer(['invite', 'alice', '--file', file])
    assert.equal(second.code, 0)
    assert.match(
      second.stderr,
      /^wott-gateway: the link works once, until \S+Z; after that alice stays logged in/,
    )
    assert.match(second.stdout, LINK)
  })

  it('needs an existing folder', async () => {
    const file = join(folder.path, 'none/viewers.json')
    for (const action of ['invite', 'revoke']) {
      const { code, stdout, stderr } = await viewer([action, 'alice', '--file', file])
      assert.match(
        stderr,
        /^wott-gateway: the folder \S+\/none does not exist: .*WOTT_VIEWERS_FILE.*\n$/,
      )
      assert.deepEqual([code, stdout], [2, ''])
    }
    assert.ok(!(await readdir(folder.path)).includes('none'))
  })
})

describe('viewer', () => {
  it('prints a link to the port at which the settings have the viewer door', async () => {
    const file = join(folder.path, 'ports.json')
    for (const [WOTT_VIEWER_LISTEN, port] of [
      ['0.0.0.0:9555', '9555'],
      [':443', '443'],
      ['off', '9443'],
      ['', '9443'],
    ] as const) {
      const invite = ['invite', 'alice', '--file', file]
      const { stdout } = await viewer(invite, { env: { WOTT_VIEWER_LISTEN } })
      // browsers leave out the port of https
      assert.equal(new URL(stdout.toString()).port, port === '443' ? '' : port)
    }
  })

  it('refuses to revoke an unknown viewer, exit code 2', async () => {
    const file = join(folder.path, 'empty.json')
    const { code, stderr } = await viewer(['revoke', 'nobody', '--file', file])
    assert.equal(stderr, `wott-gateway: nobody has no invite and no session in ${file}\n`)
    assert.equal(code, 2)
    await assert.rejects(stat(file), { code: 'ENOENT' })
  })

  it('names the maximum of --ttl', async () => {
    const file = join(folder.path, 'long.json')
    await writeFile(file, '')
    const { code, stderr } = await viewer(['invite', 'alice', '--ttl', '100d', '--file', file])
    assert.match(stderr, /^wott-gateway: --ttl must be .* at most 90d, not "100d"\n/)
    assert.equal(code, 2)
  })
})
