import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openSqliteJournal } from '../../../src/broker/persistence/sqlite-journal.ts'
import { codeOf, UsageError } from '../../../src/errors.ts'
import { openFile, openOn, temporaryDirectory } from './stores.ts'
import { packetOf, publish, queued, sendAll, subscribe } from './traffic.ts'

const fileIn = (directory: string) => join(directory, 'broker.sqlite')

async function refused(directory: string, says: RegExp): Promise<void> {
  await assert.rejects(
    openFile(directory),
    (error) => error instanceof UsageError && says.test(error.message),
  )
}

async function openElsewhere(directory: string): Promise<string> {
  const module = new URL('../../../src/broker/persistence/sqlite-journal.ts', import.meta.url)
  const open = `import { openSqliteJournal } from ${JSON.stringify(module)}
    await openSqliteJournal(process.argv[1], { fsync: 'never' }).then(
      (journal) => journal.close().then(() => console.log('opened')), (error) => console.log(error.message))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', open, directory])
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return said.trim()
}

test('directories are made, and files are for their owner alone', async () => {
  const directory = join(temporaryDirectory(), 'a', 'b')
  const store = await openFile(directory)
  await subscribe(store, 'a', ['#', 1])
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const modes = [directory, fileIn(directory), `${fileIn(directory)}-wal`].map(modeOf)
  assert.deepEqual(modes, ['700', '600', '600'])
})

test('what is in use by another process, or by this one, is refused', async () => {
  const directory = temporaryDirectory()
  await (await openFile(directory)).destroy()
  const store = await openFile(directory)
  assert.match(await openElsewhere(directory), /in use by another process/)
  await refused(directory, /in use by another process/)
  // having tried here must not have unlocked it
  assert.match(await openElsewhere(directory), /in use by another process/)
  await store.destroy()
  assert.equal(await openElsewhere(directory), 'opened')
})

test('what is not a store is refused and left as it is', async () => {
  const directory = temporaryDirectory()
  writeFileSync(fileIn(directory), 'Dear diary, today I learned what a database is. '.repeat(100))
  const before = readFileSync(fileIn(directory))
  await refused(directory, /is damaged \(file is not a database\)/)
  assert.deepEqual(readFileSync(fileIn(directory)), before)
})

test("another program's database is refused and left as it is", async () => {
  const directory = temporaryDirectory()
  const db = new DatabaseSync(fileIn(directory))
  db.exec('CREATE TABLE recipes (name TEXT)')
  db.close()
  const before = readFileSync(fileIn(directory))
  await refused(directory, /is a database of another program/)
  assert.deepEqual(readFileSync(fileIn(directory)), before)
})

test('the store of a newer gateway is refused', async () => {
  const directory = temporaryDirectory()
  await (await openFile(directory)).destroy()
  const db = new DatabaseSync(fileIn(directory))
  db.exec('PRAGMA user_version = 99')
  db.close()
  await refused(directory, /newer gateway \(schema 99, this one knows 2\)/)
})

test('the store of an older gateway is taken over, with all that is in it', async () => {
  const directory = temporaryDirectory()
  const store = await openFile(directory)
  await subscribe(store, 'a', ['#', 1])
  await publish(store, packetOf('x', '1'))
  await store.destroy()
  const db = new DatabaseSync(fileIn(directory))
  db.exec('ALTER TABLE queue DROP COLUMN retain; PRAGMA user_version = 1')
  db.close()
  for (const expected of [['1'], ['1', '2'], ['1', '2', '2']]) {
    const later = await openFile(directory)
    assert.deepEqual(queued(later, 'a'), expected)
    await publish(later, packetOf('x', '2'))
    await later.destroy()
  }
})

test('a damaged store is refused and left as it is', async () => {
  const directory = temporaryDirectory()
  const store = await openFile(directory)
  for (let n = 0; n < 1_000; n++)
    await store.storeRetained(packetOf(`a/${n}`, 'x'.repeat(100), { qos: 0, retain: true }))
  await store.destroy()
  const file = openSync(fileIn(directory), 'r+')
  const { size } = statSync(fileIn(directory))
  for (let page = 4_096 * 4; page < size; page += 4_096)
    writeSync(file, Buffer.alloc(100, 7), 0, 100, page)
  const before = readFileSync(fileIn(directory))
  await refused(directory, /is damaged .*backup/)
  assert.deepEqual(readFileSync(fileIn(directory)), before)
})

test('a store that somebody else wrote into is refused', async () => {
  const directory = temporaryDirectory()
  await (await openFile(directory)).destroy()
  const db = new DatabaseSync(fileIn(directory))
  db.exec("INSERT INTO retained VALUES ('a', NULL, 1, NULL, NULL)")
  db.close()
  await refused(directory, /holds what no gateway wrote/)
})

test('a directory that cannot be one is refused', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'file'), '')
  await refused(join(directory, 'file'), /cannot hold a store: EEXIST/)
  await refused(join(directory, 'file', 'below'), /cannot hold a store: EEXIST/)
  mkdirSync(fileIn(directory))
  await refused(directory, /broker\.sqlite cannot be opened/)
})

test('a full disk takes nothing in, keeps what it has, and works again when there is room', async () => {
  const directory = temporaryDirectory()
  const said: (string | null)[] = []
  const options = { fsync: 'always', maxBytes: 400_000 } as const
  const journal = await openSqliteJournal(directory, options, (problem) => said.push(problem))
  const store = await openOn(journal)
  await subscribe(store, 'a', ['#', 1])
  const taken: string[] = []
  let lost: unknown
  for (let n = 0; !lost; n++) {
    const payload = `${n}`.padEnd(10_000)
    await publish(store, packetOf('x', payload)).then(
      () => taken.push(payload),
      (error) => {
        lost = error
      },
    )
  }
  assert.equal(codeOf(lost), 'broker_unavailable')
  assert.match(store.problem() ?? '', /full/)
  assert.ok(taken.length > 10)
  assert.deepEqual(queued(store, 'a'), taken)
  const tooMuch = packetOf('y', 'y'.repeat(10_000), { retain: true })
  await assert.rejects(store.storeRetained(tooMuch), { code: 'broker_unavailable' })
  assert.deepEqual(await store.retained('#'), [])

  for (const sent of await sendAll(store, { id: 'a' }))
    await store.outgoingClearMessageId({ id: 'a' }, sent as { messageId: number })
  await publish(store, packetOf('x', 'room'))
  assert.equal(store.problem(), null)
  assert.deepEqual(said, ['database or disk is full', null])
  await store.destroy()
  assert.deepEqual(queued(await openFile(directory), 'a'), ['room'])
})
