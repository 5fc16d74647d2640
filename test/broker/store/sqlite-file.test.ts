import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openSqliteJournal } from '../../../src/broker/store/sqlite-journal.ts'
import { codeOf, UsageError } from '../../../src/errors.ts'
import { openFile, temporaryDirectory } from './stores.ts'
import { openOn } from './test-broker.ts'

const fileIn = (directory: string) => join(directory, 'broker.sqlite')

async function refused(directory: string, says: RegExp): Promise<void> {
  await assert.rejects(
    openFile(directory),
    (error) => error instanceof UsageError && says.test(error.message),
  )
}

async function openElsewhere(directory: string): Promise<string> {
  const module = new URL('../../../src/broker/store/sqlite-journal.ts', import.meta.url)
  const open = `import { openSqliteJournal } from ${JSON.stringify(module)}
    await openSqliteJournal(process.argv[1], { fsync: 'never' }).then(
      (journal) => journal.close().then(() => console.log('opened')), (error) => console.log(error.message))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', open, directory])
  const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return said.trim()
}

test('missing directories are made, and only the owner can read the files', async () => {
  const directory = join(temporaryDirectory(), 'a', 'b')
  const { connect } = await openFile(directory)
  await (await connect('a')).subscribe('#', 1)
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const modes = [directory, fileIn(directory), `${fileIn(directory)}-wal`].map(modeOf)
  assert.deepEqual(modes, ['700', '600', '600'])
})

test('a store that is in use, by another process or this one, is refused', async () => {
  const directory = temporaryDirectory()
  await (await openFile(directory)).broker.close()
  const { broker } = await openFile(directory)
  assert.match(await openElsewhere(directory), /in use by another process/)
  await refused(directory, /in use by another process.*Stop the other gateway.*pgrep/)
  // the attempt must not have unlocked it
  assert.match(await openElsewhere(directory), /in use by another process/)
  await broker.close()
  assert.equal(await openElsewhere(directory), 'opened')
})

test('a file that is not a store is refused and left as it is', async () => {
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
  await refused(directory, /is the database of another program/)
  assert.deepEqual(readFileSync(fileIn(directory)), before)
})

test('the store of a newer gateway is refused', async () => {
  const directory = temporaryDirectory()
  await (await openFile(directory)).broker.close()
  const db = new DatabaseSync(fileIn(directory))
  db.exec('PRAGMA user_version = 99')
  db.close()
  await refused(directory, /newer gateway \(schema 99; this one supports 7\)/)
})

test('a damaged store is refused and left as it is', async () => {
  const directory = temporaryDirectory()
  const { broker, publish } = await openFile(directory)
  for (let n = 0; n < 1_000; n++) await publish(`a/${n}`, 'x'.repeat(100), { qos: 0, retain: true })
  await broker.close()
  const file = openSync(fileIn(directory), 'r+')
  const { size } = statSync(fileIn(directory))
  for (let page = 4_096 * 4; page < size; page += 4_096)
    writeSync(file, Buffer.alloc(100, 7), 0, 100, page)
  const before = readFileSync(fileIn(directory))
  await refused(directory, /is damaged .*backup/)
  assert.deepEqual(readFileSync(fileIn(directory)), before)
})

for (const [what, sql] of [
  [
    'a payload',
    "INSERT INTO log (number, topic, qos, retain, time) VALUES (1, 'a', 1, 1, 1); INSERT INTO retained VALUES ('a', 1)",
  ],
  [
    'properties',
    "INSERT INTO log (number, topic, payload, qos, retain, time, properties) VALUES (1, 'a', x'31', 1, 1, 1, '{\"contentType\":5}'); INSERT INTO retained VALUES ('a', 1)",
  ],
  [
    'options',
    "INSERT INTO sessions VALUES (1, 'a', 1, 0, 60, 0); INSERT INTO subscriptions VALUES (1, 'x', 1, '')",
  ],
] as const)
  test(`a store into which something else wrote ${what} is refused`, async () => {
    const directory = temporaryDirectory()
    await (await openFile(directory)).broker.close()
    const db = new DatabaseSync(fileIn(directory))
    db.exec(sql)
    db.close()
    await refused(directory, /contains data that no gateway wrote/)
  })

test('a path that cannot be a directory is refused', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'file'), '')
  await refused(join(directory, 'file'), /cannot hold a store: EEXIST/)
  await refused(join(directory, 'file', 'below'), /cannot hold a store: EEXIST/)
  mkdirSync(fileIn(directory))
  await refused(directory, /broker\.sqlite cannot be opened/)
})

test('a full disk refuses messages, keeps the stored ones, and works again when there is room', async () => {
  const directory = temporaryDirectory()
  const said: (string | null)[] = []
  const options = { fsync: 'always', maxBytes: 400_000 } as const
  const journal = await openSqliteJournal(directory, options, (problem) => said.push(problem))
  const at = await openOn(journal)
  const a = await at.connect('a')
  await a.subscribe('x', 1)
  const taken: string[] = []
  let lost: unknown
  for (let n = 0; !lost; n++) {
    const payload = `${n}`.padEnd(10_000)
    await at.publish('x', payload).then(
      () => taken.push(payload),
      (error) => {
        lost = error
      },
    )
  }
  assert.equal(codeOf(lost), 'broker_unavailable')
  assert.match(at.broker.outage() ?? '', /full/)
  assert.ok(taken.length > 10)
  assert.deepEqual(a.queued(), taken)
  const tooMuch = at.publish('y', 'y'.repeat(10_000), { retain: true })
  await assert.rejects(tooMuch, { code: 'broker_unavailable' })
  assert.deepEqual(await at.broker.retained('#'), [])

  a.acknowledge(...a.send())
  await at.publish('x', 'room')
  assert.equal(at.broker.outage(), null)
  assert.deepEqual(said, ['database or disk is full', null])
  await at.broker.close()
  const again = await (await openFile(directory)).connect('a')
  assert.deepEqual(again.queued(), ['room'])
})
