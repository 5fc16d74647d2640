import assert from 'node:assert/strict'
import { readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { type DevGateway, startDev } from './dev-gateway.ts'
import { run, samePorts, startGateway, temporaryFolder } from './program.ts'
import { createSite } from './site.ts'

const TOPIC = 'wott/temperature'
const DATA = join('.wott', 'data')

async function json(cwd: string, ...args: string[]) {
  const { code, stdout, stderr } = await run(['store', 'info', '--json', ...args], { cwd })
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(stdout)
}

async function publish(at: DevGateway, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) await at.publish(TOPIC, payload)
}

async function stop(at: DevGateway): Promise<void> {
  at.program.process.kill('SIGTERM')
  assert.equal((await at.program.ended).code, 0)
}

describe('store info', () => {
  it('prints the same for a store in use and one not in use, as device list shows when devices were last seen', async () => {
    await using at = await startDev()
    const list = async (...args: string[]) => {
      const { code, stdout, stderr } = await run(['device', 'list', ...args], { cwd: at.cwd })
      assert.deepEqual([code, stderr], [0, ''])
      return stdout
    }
    assert.doesNotMatch(await list(), /last seen/)
    const before = Date.now()
    await publish(at, '20', '21')
    await at.pub(TOPIC, '22', '--retain', '--qos', '1', ...at.via.https)
    const [sensor, subscriber] = (await list('--json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.equal(sensor.name, 'sensor')
    assert.ok(Math.abs(Date.parse(sensor.lastSeen) - before) < 60_000)
    assert.equal(subscriber.lastSeen, null)
    assert.match(await list('--store', DATA), /^sensor\.d\.wott\.local\t.*\tlast seen \d{4}-/)

    const running = await json(at.cwd)
    assert.equal(running.running, true)
    assert.deepEqual([running.entries, running.retained, running.topics], [3, 1, 1])
    assert.equal(running.largest[0].device, 'sensor.d.wott.local')
    assert.ok(Date.parse(running.oldest) <= Date.parse(running.newest))
    await stop(at)
    const stopped = await json(at.cwd, DATA)
    assert.equal(stopped.running, false)
    for (const what of ['entries', 'bytes', 'topics', 'retained', 'sessions', 'devices'])
      assert.equal(stopped[what], running[what], what)
    assert.doesNotMatch(await list(), /last seen/)
  })

  it('prints text, also for a store after a crash', async () => {
    await using at = await startDev()
    await publish(at, '20')
    at.program.process.kill('SIGKILL')
    await at.program.ended
    assert.ok((await readdir(join(at.cwd, DATA))).includes('admin.sock'))
    const { code, stdout } = await run(['store', 'info'], { cwd: at.cwd })
    assert.equal(code, 0)
    assert.match(stdout, /^store +\.wott\/data, not in use\nmessages +1, /)
    assert.match(stdout, /\n {2}sensor\.d\.wott\.local\t1\t/)
  })

  it('reports a folder without a store, and brokers that store nothing', async () => {
    await using folder = await temporaryFolder()
    const cwd = folder.path
    const none = await run(['store', 'info', 'nowhere'], { cwd })
    assert.deepEqual([none.code, none.stdout], [2, ''])
    assert.match(none.stderr, /there is no store in nowhere; name the folder of WOTT_BROKER/)
    const memory = await run(['store', 'info'], { cwd, env: { WOTT_BROKER: 'memory:' } })
    assert.equal(memory.code, 2)
    assert.match(memory.stderr, /memory:, which stores nothing/)
    const other = await run(['store', 'info'], { cwd, env: { WOTT_BROKER: 'mqtt://broker' } })
    assert.equal(other.code, 2)
    assert.match(other.stderr, /another broker, which stores the messages itself; name a folder/)
  })
})

describe('store repair', () => {
  it('lets a gateway start again whose database is empty', async () => {
    await using at = await startDev()
    await publish(at, '20', '21')
    const inUse = await run(['store', 'repair'], { cwd: at.cwd })
    assert.match(
      inUse.stderr,
      /^wott-gateway: a gateway is running with \.wott\/data: stop it first\n$/,
    )
    await stop(at)
    const database = join(at.cwd, DATA, 'broker.sqlite')
    await truncate(database, 0)
    const refused = await run(['store', 'info'], { cwd: at.cwd })
    assert.match(
      refused.stderr,
      /^wott-gateway: \S+broker\.sqlite is empty or missing, but messages up to number \d+ were stored in it\. "wott-gateway store repair \.wott\/data" keeps/,
    )
    assert.equal(refused.code, 2)
    const { code, stdout } = await run(['store', 'repair'], { cwd: at.cwd })
    assert.equal(code, 0)
    const [first, second, third, fourth] = stdout.split('\n')
    assert.equal(first, '.wott/data: repaired; 0 messages are kept')
    assert.match(second ?? '', /^found: \S+broker\.sqlite is empty or missing, /)
    assert.match(third ?? '', /^lost: messages after number 0, up to \d+, /)
    assert.match(fourth ?? '', /^The damaged files are in \S+damaged-\S+\. You can delete them /)
    assert.equal((await json(at.cwd)).entries, 0)
    const again = await run(['store', 'repair', DATA], { cwd: at.cwd })
    assert.deepEqual([again.code, again.stdout], [0, '.wott/data: no damage found\n'])
  })
})

describe('backup and restore', () => {
  it('copy the messages of a running gateway to another one', async () => {
    await using at = await startDev()
    await publish(at, '20', '21')
    const made = await run(['backup', 'b.sqlite'], { cwd: at.cwd })
    assert.deepEqual(made, { code: 0, stdout: 'b.sqlite\n', stderr: '' })
    assert.equal((await stat(join(at.cwd, 'b.sqlite'))).mode & 0o777, 0o600)
    assert.deepEqual((await readdir(join(at.cwd, DATA))).sort(), [
      'admin.sock',
      'broker.sqlite',
      'broker.sqlite-position',
      'broker.sqlite-wal',
    ])
    await publish(at, '22')
    const again = await run(['backup', 'b.sqlite'], { cwd: at.cwd })
    assert.equal(again.code, 0)

    const restored = await run(['restore', 'b.sqlite', '--store', 'other'], { cwd: at.cwd })
    assert.deepEqual(restored, { code: 0, stdout: 'other\n', stderr: '' })
    assert.equal((await stat(join(at.cwd, 'other/broker.sqlite'))).mode & 0o777, 0o600)
    assert.equal((await json(at.cwd, 'other')).entries, 3)
    await stop(at)
    const env = { WOTT_BROKER: `file:${join(at.cwd, 'other')}` }
    await using second = await startGateway(
      ['serve', ...serveFlags(at.cwd), ...samePorts(at.program)],
      { cwd: at.cwd, env },
    )
    await publish(at, '23')
    assert.equal((await json(at.cwd, 'other')).entries, 4)
    assert.ok(second)
  })

  it('work with a path that is too long for a socket', async () => {
    await using site = await createSite()
    const cwd = site.path
    const store = join(cwd, 'long'.repeat(20), 'path'.repeat(20))
    const flags = { '--broker': `file:${store}`, '--enrol-listen': 'off' }
    await using program = await startGateway(site.serveBut(flags), { cwd })
    const { mode } = await stat(join(store, 'admin.sock'))
    assert.equal(mode & 0o777, 0o600)
    const made = await run(['backup', 'b.sqlite', '--store', store], { cwd })
    assert.deepEqual(made, { code: 0, stdout: 'b.sqlite\n', stderr: '' })
    assert.equal((await json(cwd, store)).running, true)
    program.process.kill('SIGTERM')
    assert.equal((await program.ended).code, 0)
    // nothing of the store is left
    assert.ok(!(await readdir(store)).includes('admin.sock'))
    assert.equal((await json(cwd, store)).running, false)
  })

  it('copy a store that no gateway uses', async () => {
    await using at = await startDev()
    await publish(at, '20')
    await stop(at)
    assert.equal((await run(['backup', 'b.sqlite'], { cwd: at.cwd })).code, 0)
    assert.equal((await run(['restore', 'b.sqlite', '--store', 'new'], { cwd: at.cwd })).code, 0)
    // above all numbers that the first gateway may have used since
    assert.ok(mark(join(at.cwd, 'new')) > mark(join(at.cwd, DATA)))
    assert.equal((await json(at.cwd, 'new')).entries, 1)
    assert.equal((await json(at.cwd)).entries, 1)
  })

  it('do not overwrite a store, or a file that is not a backup, and read only whole backups', async () => {
    await using at = await startDev()
    const { cwd } = at
    await publish(at, '20')
    assert.equal((await run(['backup', 'b.sqlite'], { cwd })).code, 0)
    const inUse = await run(['restore', 'b.sqlite'], { cwd })
    assert.equal(inUse.code, 2)
    assert.match(inUse.stderr, /a gateway is running with \.wott\/data: stop it first/)
    await stop(at)
    const full = await run(['restore', 'b.sqlite'], { cwd })
    assert.equal(full.code, 2)
    assert.match(
      full.stderr,
      /already contains a store with messages or sessions.*move .*broker\.sqlite/,
    )
    assert.equal((await json(cwd)).entries, 1)

    await writeFile(join(cwd, 'notes.txt'), 'hello '.repeat(1_000))
    const notes = await run(['backup', 'notes.txt'], { cwd })
    assert.equal(notes.code, 2)
    assert.match(notes.stderr, /notes\.txt exists and is not a backup/)

    const { size } = await stat(join(cwd, 'b.sqlite'))
    await truncate(join(cwd, 'b.sqlite'), size - 8192)
    for (const [file, says] of [
      ['b.sqlite', /b\.sqlite is (damaged|not a backup)/],
      ['notes.txt', /notes\.txt is not a backup of a store: file is not a database/],
      ['nothing', /nothing: no such file/],
    ] as const) {
      const { code, stderr } = await run(['restore', file, '--store', 'new'], { cwd })
      assert.equal(code, 2, file)
      assert.match(stderr, says)
    }
    assert.deepEqual(await readdir(join(cwd, 'new')), [])
  })
})

describe('the admin socket', () => {
  it('can only be used by the user of the gateway, and only for its commands', async () => {
    await using at = await startDev()
    const path = join(at.cwd, DATA, 'admin.sock')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    for (const [line, says] of [
      ['{"command":"constructor"}', /unknown command/],
      ['nonsense', /JSON/],
      ['null', /null/],
    ] as const) {
      const socket = createConnection(path)
      socket.write(`${line}\n`)
      assert.match(JSON.parse(await text(socket)).error, says)
    }
    const flood = createConnection(path)
    flood.on('error', () => {})
    flood.write('x'.repeat(10_000))
    assert.equal(await text(flood).catch(() => ''), '')
    await stop(at)
    assert.ok(!(await readdir(join(at.cwd, DATA))).includes('admin.sock'))
  })
})

function mark(folder: string): number {
  using db = new DatabaseSync(join(folder, 'broker.sqlite'))
  return Number(db.prepare("SELECT value FROM meta WHERE key = 'mark'").get()?.value)
}

function serveFlags(cwd: string): string[] {
  const wott = join(cwd, '.wott')
  return ['--certs-dir', join(wott, 'certs'), '--acl-file', join(wott, 'permission.acl')]
}
